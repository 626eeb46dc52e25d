// A model's two files: `config.json`, checked, and the tensors of `model.safetensors`, in the order in which
// `src/model.h` takes them. Nothing is taken on trust: every size is compared before it is used.

const MAX_HEADER = 1 << 20; // bytes
export const MAX_WEIGHTS = 64 << 20; // bytes
export const MAX_JSON = 1 << 20; // bytes of a config, or of the engine itself
const MAX_BLOCKS = 64; // as in src/model.h
const REACH = 3; // of the first layer, in pixels up and to each side
const HIDDEN = 32; // of the residual network's head
const POINTER = "version https://git-lfs"; // begins what Git holds in place of a large file
const FIELDS = [
  ...["architecture", "likelihood", "levels", "in_channels", "height", "width", "num_classes"],
  ...["freehand", "inner_dim", "dilations", "horizontal_dim", "horizontal_dilations"],
  ...["class_from", "dropout"],
]; // of `ModelConfig`
// Of the conditioner, which Python samples with and the engine leaves out; a config may lack both.
const CONDITIONER_FIELDS = ["conditioner_dim", "conditioner_dilations"];
const CONDITIONER_DILATIONS = [1, 2, 4, 1, 2, 4, 1, 2];
const [PATCH, TERM_DIM, LOCAL, HEAD_DIM] = [4, 32, 5, 64]; // as in conditioner.py; PATCH in pixels

/** Something that can be shown to a person as it is. */
export class Refusal extends Error {}

/** Files or a server that cannot be reached now: asking again may help. */
export class Unreachable extends Refusal {}

function require(condition, sentence) {
  if (!condition) throw new Refusal(sentence);
}

/** A value as it may stand in a sentence, however large, deep or strange it is. */
export function short(value) {
  let text;
  try {
    text = (typeof value === "object" ? JSON.stringify(value) : null) ?? String(value);
  } catch {
    text = `what is no plain ${typeof value}`;
  }
  const code = (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`;
  text = text.replace(/[\p{Cc}\u2028\u2029]/gu, code); // what would break the sentence
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}

/**
 * What a JSON file holds.
 * @param {Uint8Array | string} file
 * @param {string | URL} name of the file, for the sentence
 * @throws {Refusal} in one sentence, if it is no JSON
 */
export function parseJson(file, name) {
  try {
    const decode = (bytes) => new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return JSON.parse(typeof file === "string" ? file : decode(file));
  } catch {
    throw new Refusal(`${name} is not JSON.`);
  }
}

function whole(config, name, low, high) {
  const value = config[name];
  const right = Number.isInteger(value) && value >= low && value <= high;
  require(right, `${name} must be a whole number from ${low} to ${high}, got ${short(value)}.`);
  return value;
}

function choice(config, name, choices) {
  const value = config[name];
  require(choices.includes(
    value,
  ), `${name} must be one of ${choices.join(", ")}, got ${short(value)}.`);
  return value;
}

function dilations(config, name) {
  const value = config[name];
  const right =
    Array.isArray(value) &&
    value.length >= 1 &&
    value.length <= MAX_BLOCKS &&
    value.every((each) => Number.isInteger(each) && each >= 1 && each <= 1024);
  const rule = `1 to ${MAX_BLOCKS} whole numbers from 1 to 1024`;
  require(right, `${name} must be ${rule}, got ${short(value)}.`);
  return value;
}

/**
 * What the engine needs of a `ModelConfig`, under its names.
 * @param {object} config as parsed from JSON
 * @throws {Refusal} in one sentence, if a field is missing, unknown or out of range
 */
export function readConfig(config) {
  require(config !== null && typeof config === "object", "The config must be a JSON object.");
  for (const name of FIELDS) require(name in config, `The config lacks the field ${name}.`);
  const known = [...FIELDS, ...CONDITIONER_FIELDS];
  const more = Object.keys(config).find((name) => !known.includes(name));
  require(more ===
    undefined, `The config has a field that the engine does not know: ${short(more)}.`);
  const gated = choice(config, "architecture", ["gated", "residual"]) === "gated";
  const categorical = choice(config, "likelihood", ["bernoulli", "categorical"]) === "categorical";
  const blocks = dilations(config, "dilations");
  const horizontal = {
    classFrom: whole(config, "class_from", 0, blocks.length),
    horizontalDim: whole(config, "horizontal_dim", 1, 1024),
    horizontalDilations: dilations(config, "horizontal_dilations"),
  };
  const { dropout } = config;
  const share = typeof dropout === "number" && dropout >= 0 && dropout < 1;
  require(share, `dropout must be in [0, 1), got ${short(dropout)}.`);
  const { freehand } = config;
  require(typeof freehand === "boolean", `freehand must be true or false, got ${short(freehand)}.`);
  return {
    gated,
    categorical,
    levels: whole(config, "levels", 2, categorical ? 256 : 2),
    channels: whole(config, "in_channels", 1, 16),
    height: whole(config, "height", 1, 256),
    width: whole(config, "width", 1, 256),
    classes: whole(config, "num_classes", 0, 1000),
    freehand,
    dim: whole(config, "inner_dim", 1, 1024),
    dilations: blocks,
    ...conditionerOf(config, gated),
    ...(gated ? horizontal : { classFrom: 0, horizontalDim: 1, horizontalDilations: [] }),
  };
}

/** The size of the conditioner; 0 without. */
function conditionerOf(config, gated) {
  const size = "conditioner_dim" in config ? whole(config, "conditioner_dim", 0, 1024) : 0;
  require(gated || size === 0, "A conditioner needs the gated architecture.");
  const conditionerDilations =
    "conditioner_dilations" in config
      ? dilations(config, "conditioner_dilations")
      : CONDITIONER_DILATIONS;
  return { conditionerDim: size, conditionerDilations };
}

/** What a network may be told: each class in each hand; 0 where there is nothing to tell. */
export function numConditions(c) {
  const conditions = Math.max(1, c.classes) * (c.freehand ? 2 : 1);
  return conditions > 1 ? conditions : 0;
}

const lengthOf = (shape) => shape.reduce((a, b) => a * b, 1);

/** A number in half precision, from its 16 bits (IEEE 754 binary16). */
function fromHalf(bits) {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  let value = (1 + fraction / 1024) * 2 ** (exponent - 15);
  if (exponent === 0) value = fraction * 2 ** -24;
  if (exponent === 31) value = fraction ? Number.NaN : Number.POSITIVE_INFINITY;
  return bits & 0x8000 ? -value : value;
}

/** The precisions that are read: bytes of a number, and how numbers become float32 in a new buffer. */
const PRECISIONS = {
  F64: [8, (buffer) => Float32Array.from(new Float64Array(buffer))],
  F32: [4, (buffer) => new Float32Array(buffer)],
  F16: [2, (buffer) => Float32Array.from(new Uint16Array(buffer), fromHalf)],
  BF16: [2, (buffer) => new Float32Array(Uint32Array.from(new Uint16Array(buffer), upper).buffer)],
};
const upper = (bits) => bits << 16; // bfloat16 is the upper half of a float32

/** Names and shapes of all tensors, in the order in which the engine takes them. */
function wantedTensors(c, left) {
  const wanted = [];
  const n = numConditions(c);
  const add = (name, ...shape) => wanted.push([`network.${name}`, shape]);
  const linear = (name, out, size) => {
    add(`${name}.weight`, out, size);
    add(`${name}.bias`, out);
  };
  const { dim, channels: C, horizontalDim: small } = c;
  const logits = C * (c.categorical ? c.levels : 1);
  if (c.gated) {
    linear("first_vertical", dim, REACH * (2 * REACH + 1) * C);
    add("place.weight", dim, 2);
    c.dilations.forEach((_, k) => {
      linear(`vertical.${k}.conv`, 2 * dim, 6 * dim);
      add(`vertical.${k}.out.weight`, dim, dim);
      if (n && k >= c.classFrom) add(`vertical.${k}.embedding.weight`, n, 2 * dim);
    });
    linear("first_horizontal", small, left * C);
    c.horizontalDilations.forEach((_, k) => {
      linear(`horizontal.${k}.conv`, 2 * small, 2 * small);
      add(`horizontal.${k}.link.weight`, 2 * small, dim);
      add(`horizontal.${k}.out.weight`, small, small);
      if (n) add(`horizontal.${k}.embedding.weight`, n, 2 * small);
    });
  } else {
    add("first.weight", 2 * dim, C, 2 * REACH + 1, 2 * REACH + 1);
    add("first.bias", 2 * dim);
    add("place.weight", 2 * dim, 2);
    c.dilations.forEach((_, k) => {
      linear(`blocks.${k}.down`, dim, 2 * dim);
      add(`blocks.${k}.conv.weight`, dim, dim, 3, 3);
      add(`blocks.${k}.conv.bias`, dim);
      linear(`blocks.${k}.up`, 2 * dim, dim);
      if (n) add(`blocks.${k}.embedding.weight`, n, dim);
    });
  }
  const [last, hidden] = c.gated ? [small, 2 * small] : [2 * dim, HIDDEN];
  linear("head.hidden", hidden, last);
  linear("head.out", logits, hidden);
  return wanted;
}

/** Names and shapes of the tensors of the conditioner. */
function conditionerTensors(c) {
  const dim = c.conditionerDim;
  if (!dim) return [];
  const read = c.channels + 3;
  const shapes = {
    "patch.weight": [dim, PATCH * read],
    "patch.bias": [dim],
    "style.weight": [c.freehand ? 2 : 1, dim],
    "spread.weight": [PATCH * 2 * TERM_DIM, dim],
    "local.weight": [2 * TERM_DIM, read, LOCAL, LOCAL],
    "local.bias": [2 * TERM_DIM],
  };
  c.conditionerDilations.forEach((dilation, k) => {
    shapes[`blocks.${k}.depthwise.weight`] = [dim, 1, 3, 3];
    shapes[`blocks.${k}.pointwise.weight`] = [2 * dim, dim];
    shapes[`blocks.${k}.pointwise.bias`] = [2 * dim];
    if (dilation === 1) shapes[`blocks.${k}.mean.weight`] = [2 * dim, dim];
    shapes[`blocks.${k}.out.weight`] = [dim, dim];
  });
  c.dilations.forEach((_, k) => {
    shapes[`vertical.${k}.weight`] = [2 * c.dim, TERM_DIM];
  });
  c.horizontalDilations.forEach((_, k) => {
    shapes[`horizontal.${k}.weight`] = [2 * c.horizontalDim, TERM_DIM];
  });
  if (c.classes) {
    shapes["head.0.weight"] = [HEAD_DIM, 2 * dim];
    shapes["head.0.bias"] = [HEAD_DIM];
    shapes["head.2.weight"] = [c.classes, HEAD_DIM];
    shapes["head.2.bias"] = [c.classes];
  }
  return Object.entries(shapes).map(([name, shape]) => [`conditioner.${name}`, shape]);
}

/** The header of a safetensors file: name to {dtype, shape, data_offsets}, and where the data begins. */
function readHeader(bytes) {
  require(bytes.length >= 8 &&
    bytes.length <= MAX_WEIGHTS, "The weights are not safetensors of up to 64 MB.");
  const begins = new TextDecoder().decode(bytes.subarray(0, POINTER.length));
  require(begins !==
    POINTER, "The weights are a Git LFS pointer: serve the file that it points to.");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = view.getUint32(0, true);
  const fits = view.getUint32(4, true) === 0 && size <= MAX_HEADER && 8 + size <= bytes.length;
  require(fits, "The weights are damaged or not safetensors: their header is too large.");
  const name = "The weights are damaged or not safetensors: their header";
  const header = parseJson(bytes.subarray(8, 8 + size), name);
  require(header !== null &&
    typeof header === "object", "The header of the weights is no JSON object.");
  return [new Map(Object.entries(header)), 8 + size];
}

/** How many parameters are in a file that `readTensors` takes. */
export function countParameters(bytes) {
  const [header] = readHeader(bytes);
  header.delete("__metadata__");
  return [...header.values()].reduce((sum, { shape }) => sum + lengthOf(shape), 0);
}

/** Pixels that the first layer of a row sees to the left, which its weight tells. */
function readLeft(c, header) {
  if (!c.gated) return REACH;
  const left = header.get("network.first_horizontal.weight")?.shape?.[1] / c.channels;
  require(Number.isInteger(left) &&
    left >= REACH &&
    left <= 256, "The weights hold another model than the config describes.");
  return left;
}

/** Whether this is a list of so many whole numbers from 0. */
function isOf(value, length) {
  const whole = (each) => Number.isInteger(each) && each >= 0;
  return Array.isArray(value) && value.length === length && value.every(whole);
}

/** Tensors lie one after the other. Before they are copied: those that overlap could take any memory. */
function checkSpans(spans, start, end) {
  let at = start;
  for (const { from, to } of [...spans].sort((a, b) => a.from - b.from || a.to - b.to)) {
    require(from === at, "The weights are damaged: their tensors overlap, or leave gaps.");
    at = to;
  }
  require(at === end, "The weights are damaged: they end with bytes of no tensor.");
}

/** A table with one row more. */
function withRow(table, row) {
  const longer = new Uint8Array(table.length + row.byteLength);
  longer.set(table);
  longer.set(new Uint8Array(row.buffer, row.byteOffset, row.byteLength), table.length);
  return longer;
}

/** The tables of what a network may be told: name to how many numbers a row has. */
export function embeddingSizes(c) {
  const tables = wantedTensors(c, REACH).filter(([name]) => name.endsWith(".embedding.weight"));
  return new Map(tables.map(([name, [, size]]) => [name, size]));
}

/**
 * Read a model's tensors.
 * @param {ReturnType<typeof readConfig>} c
 * @param {Uint8Array} bytes of model.safetensors
 * @param {Object<string, Float32Array> | null} outliers rows that the tables of these names get: see `Reference`
 * @returns {{left: number, tensors: Uint8Array[]}} little-endian float32, in the engine's order
 * @throws {Refusal} in one sentence, if the file is damaged or holds another model
 */
export function readTensors(c, bytes, outliers) {
  const [header, start] = readHeader(bytes);
  const metadata = header.has("__metadata__") ? header.get("__metadata__") : {};
  const texts = typeof metadata === "object" && metadata !== null && !Array.isArray(metadata);
  require(texts &&
    Object.values(metadata).every(
      (each) => typeof each === "string",
    ), "The weights are damaged: their metadata are no texts by name.");
  header.delete("__metadata__");
  const left = readLeft(c, header);
  const taken = wantedTensors(c, left);
  const spans = [...taken, ...conditionerTensors(c)].map(([name, shape]) => {
    const entry = header.get(name);
    header.delete(name);
    const { dtype } = entry ?? {};
    const [bytesEach, toFloats] = Object.hasOwn(PRECISIONS, dtype) ? PRECISIONS[dtype] : [];
    const size = bytesEach * lengthOf(shape);
    const [from, to] = isOf(entry?.data_offsets, 2) ? entry.data_offsets : [];
    const right =
      toFloats &&
      isOf(entry.shape, shape.length) &&
      entry.shape.every((each, k) => each === shape[k]) &&
      to - from === size &&
      start + to <= bytes.length;
    require(right, `The weights hold another model than the config describes: see ${name}.`);
    return { name, from: start + from, to: start + to, toFloats };
  });
  const [more] = header.keys();
  require(more ===
    undefined, `The weights hold a tensor that the engine does not know: ${short(more)}.`);
  checkSpans(spans, start, bytes.length);
  const tensors = spans.map(({ name, from, to, toFloats }) => {
    const numbers = toFloats(new Uint8Array(bytes.subarray(from, to)).buffer); // a copy, aligned
    const tensor = new Uint8Array(numbers.buffer);
    require(numbers.every(
      Number.isFinite,
    ), `The weights hold a number that is not finite: see ${name}.`);
    return outliers?.[name] ? withRow(tensor, outliers[name]) : tensor;
  });
  return { left, tensors: tensors.slice(0, taken.length) };
}
