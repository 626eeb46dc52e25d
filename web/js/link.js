// A link to what is on the screen: settings as query parameters, images as packed bits.

/** Where the page lives for others: in a Space, people see the Hub's address, not the frame's. */
export function address(space, query) {
  const base = space
    ? `https://huggingface.co/spaces/${space}`
    : location.origin + location.pathname;
  return `${base}?${query}`;
}

/** Parameters as text; none for null or nothing. */
export function texts(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => (value ?? "") !== "");
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
}

/** A query with these parameters in place of all of these names; what others put into it stays. */
export function kept(query, names, parameters) {
  const others = [...query].filter(([name]) => !names.includes(name));
  return new URLSearchParams([...Object.entries(texts(parameters)), ...others]);
}

export const MAX_SEED = 2 ** 32 - 1;

const bitsOf = (count) => Math.ceil(Math.log2(count));

/** Levels 0..count-1 as URL-safe base64, without the blank end. */
export function pack(levels, count) {
  const bits = Array.from(levels, (level) => level.toString(2).padStart(bitsOf(count), "0")).join(
    "",
  );
  const bytes = bits.replace(/0+$/, "").match(/.{1,8}/g) ?? [];
  const text = String.fromCharCode(...bytes.map((byte) => Number.parseInt(byte.padEnd(8, "0"), 2)));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The way back: an image, blank where the text ends; null if it is no such text. */
export function unpack(text, { height, width, levels: count }) {
  let bytes;
  try {
    bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return null;
  }
  const bits = [...bytes].map((c) => c.charCodeAt(0).toString(2).padStart(8, "0")).join("");
  const size = bitsOf(count);
  const level = (at) => Number.parseInt(bits.slice(at * size, (at + 1) * size) || "0", 2);
  return Uint8Array.from({ length: height * width }, (_, at) => Math.min(count - 1, level(at)));
}

/** A whole number from a query parameter within limits, else null. */
export function wholeNumber(text, low, high) {
  if (text === null || !/^\d+$/.test(text)) return null;
  const value = Number(text);
  return value >= low && value <= high ? value : null;
}

export const MAX_TEMPERATURE = 1.5;

/** The temperature that a query asks for; 1 where it asks for none, or for one that there is not. */
export function temperatureOf(query) {
  const value = Number(query.get("temperature") ?? 1);
  return value >= 0 && value <= MAX_TEMPERATURE ? value : 1;
}
