// Images as crisp squares: one canvas pixel per image pixel, enlarged by CSS.
// Given ink is cool, the model's ink is warm; how sure it is, is the opacity.
//
// An image is a flat array of levels 0..K-1, row by row; `info` tells {height, width, levels: K}.

const GROW_MS = 320;
const surfaces = new WeakMap(); // of each canvas: what it is painted through
let colours = null;

/** All opacities of a colour, 0 to 255, as the words of an ImageData. */
function shades(hex) {
  const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
  const words = Uint32Array.from(
    { length: 256 },
    (_, alpha) => (alpha << 24) | (b << 16) | (g << 8) | r,
  );
  return Object.assign(words, { css: hex });
}

/** The inks from the style sheet: a word for each opacity, and `css`, the colour itself. */
export function inks() {
  if (!colours) {
    const style = getComputedStyle(document.querySelector(".pixelcnn"));
    const read = (name) => shades(style.getPropertyValue(name).trim());
    colours = { cool: read("--cool"), warm: read("--warm"), text: read("--text") };
  }
  return colours;
}

/** Call `repaint` when light turns to dark or back. */
export function onThemeChange(repaint) {
  const observer = new MutationObserver(() => {
    colours = null;
    repaint();
  });
  for (const element of [document.documentElement, document.body]) {
    observer.observe(element, { attributes: true, attributeFilter: ["class"] });
  }
}

function surface(canvas, { height, width }) {
  const known = surfaces.get(canvas);
  if (known?.image.width === width && known.image.height === height) return known;
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const image = context.createImageData(width, height);
  const made = { context, image, words: new Uint32Array(image.data.buffer) };
  surfaces.set(canvas, made);
  return made;
}

/** Paint every pixel: `pixel(at)` returns a word of `inks()`, or 0 for none. */
export function paint(canvas, info, pixel) {
  const { context, image, words } = surface(canvas, info);
  for (let at = 0; at < words.length; at++) words[at] = pixel(at);
  context.putImageData(image, 0, 0);
}

/** Paint levels; rows above `given` are cool, and only the first `end` pixels show. */
export function paintLevels(canvas, levels, info, { given = 0, end = Infinity } = {}) {
  const { cool, warm } = inks();
  const scale = 255 / (info.levels - 1);
  const first = given * info.width;
  paint(canvas, info, (at) => {
    if (at >= end || !levels[at]) return 0;
    return (at < first ? cool : warm)[Math.round(scale * levels[at])];
  });
}

/**
 * Let the drawn rows grow in one by one, beginning at `since`; at once for those who asked for less motion.
 * Whatever else grows on this canvas stops.
 */
export function grow(canvas, levels, info, { given = 0, since = performance.now() } = {}) {
  const run = {};
  canvas.growing = run;
  const frame = (now) => {
    if (canvas.growing !== run) return; // something newer is painted here
    const part = lessMotion() ? 1 : Math.max(0, Math.min(1, (now - since) / GROW_MS));
    const rows = given + Math.ceil(part * (info.height - given));
    paintLevels(canvas, levels, info, { given, end: rows * info.width });
    if (part < 1) requestAnimationFrame(frame);
  };
  frame(performance.now());
}

const stillness = matchMedia("(prefers-reduced-motion: reduce)");

/** Whether the visitor asked for less motion. */
export const lessMotion = () => stillness.matches;

/** Set a text, or an attribute, only where it is another: a change costs layout. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** A button that holds one digit and a caption. */
export function digitButton() {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "digit";
  button.setAttribute("aria-label", "A digit that is not there yet");
  const canvas = document.createElement("canvas");
  canvas.className = "pixels";
  const caption = document.createElement("span");
  caption.className = "caption";
  button.append(canvas, caption);
  return { button, canvas, caption };
}
