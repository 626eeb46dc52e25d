// A model's two files: `config.json`, checked, and the tensors of `model.safetensors`, in the order in which
// `src/model.h` takes them. Nothing is taken on trust: every size is compared before it is used.

const MAX_HEADER = 1 << 20; // bytes
const MAX_WEIGHTS = 64 << 20; // bytes
const MAX_BLOCKS = 64; // as in src/model.h
const REACH = 3; // of the first layer, in pixels up and to each side
const HIDDEN = 32; // of the residual network's head
const FIELDS = [
  ...["architecture", "likelihood", "levels", "in_channels", "height", "width", "num_classes"],
  ...["freehand", "inner_dim", "dilations", "horizontal_dim", "horizontal_dilations"],
  ...["class_from", "dropout"],
]; // of `ModelConfig`

/** Something that can be shown to a person as it is. */
export class Refusal extends Error {}

/** Files or a server that cannot be reached now: asking again may help. */
export class Unreachable extends Refusal {}

function require(condition, sentence) {
  if (!condition) throw new Refusal(sentence);
}

function whole(config, name, low, high) {
  const value = config[name];
  const right = Number.isInteger(value) && value >= low && value <= high;
  require(right, `${name} must be a whole number from ${low} to ${high}, got ${value}.`);
  return value;
}

function choice(config, name, choices) {
  const value = config[name];
  require(choices.includes(value), `${name} must be one of ${choices.join(", ")}, got ${value}.`);
  return value;
}

function dilations(config, name) {
  const value = config[name];
  const right =
    Array.isArray(value) &&
    value.length >= 1 &&
    value.length <= MAX_BLOCKS &&
    value.every((each) => Number.isInteger(each) && each >= 1 && each <= 1024);
  require(right, `${name} must be 1 to ${MAX_BLOCKS} whole numbers from 1 to 1024, got ${value}.`);
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
  const more = Object.keys(config).find((name) => !FIELDS.includes(name));
  require(more === undefined, `The config has a field that the engine does not know: ${more}.`);
  const gated = choice(config, "architecture", ["gated", "residual"]) === "gated";
  const categorical = choice(config, "likelihood", ["bernoulli", "categorical"]) === "categorical";
  const blocks = dilations(config, "dilations");
  const { freehand } = config;
  require(typeof freehand === "boolean", `freehand must be true or false, got ${freehand}.`);
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
    classFrom: gated ? whole(config, "class_from", 0, blocks.length) : 0,
    horizontalDim: gated ? whole(config, "horizontal_dim", 1, 1024) : 1,
    horizontalDilations: gated ? dilations(config, "horizontal_dilations") : [],
  };
}

/** What a network may be told: each class in each hand; 0 where there is nothing to tell. */
export function numConditions(c) {
  const conditions = Math.max(1, c.classes) * (c.freehand ? 2 : 1);
  return conditions > 1 ? conditions : 0;
}

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

/** The header of a safetensors file: name to {dtype, shape, data_offsets}, and where the data begins. */
function readHeader(bytes) {
  require(bytes.length >= 8 &&
    bytes.length <= MAX_WEIGHTS, "The weights are not safetensors of up to 64 MB.");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = view.getUint32(0, true);
  const fits = view.getUint32(4, true) === 0 && size <= MAX_HEADER && 8 + size <= bytes.length;
  require(fits, "The weights are damaged or not safetensors: their header is too large.");
  let header;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + size)));
  } catch {
    throw new Refusal("The weights are damaged or not safetensors: their header is not JSON.");
  }
  require(header !== null &&
    typeof header === "object", "The header of the weights is no JSON object.");
  return [new Map(Object.entries(header)), 8 + size];
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

/**
 * Read a model's tensors.
 * @param {ReturnType<typeof readConfig>} c
 * @param {Uint8Array} bytes of model.safetensors
 * @returns {{left: number, tensors: Uint8Array[]}} little-endian float32, in the engine's order
 * @throws {Refusal} in one sentence, if the file is damaged or holds another model
 */
export function readTensors(c, bytes) {
  const [header, start] = readHeader(bytes);
  header.delete("__metadata__");
  const left = readLeft(c, header);
  const tensors = wantedTensors(c, left).map(([name, shape]) => {
    const entry = header.get(name);
    header.delete(name);
    const size = 4 * shape.reduce((a, b) => a * b, 1);
    const offsets = Array.isArray(entry?.data_offsets) ? entry.data_offsets : [];
    const [from, to] = offsets;
    const right =
      entry?.dtype === "F32" &&
      JSON.stringify(entry.shape) === JSON.stringify(shape) &&
      offsets.every((each) => Number.isInteger(each) && each >= 0) &&
      to - from === size &&
      start + to <= bytes.length;
    require(right, `The weights hold another model than the config describes: see ${name}.`);
    const tensor = new Uint8Array(bytes.subarray(start + from, start + to)); // a copy, aligned
    const finite = new Float32Array(tensor.buffer).every(Number.isFinite);
    require(finite, `The weights hold a number that is not finite: see ${name}.`);
    return tensor;
  });
  const [more] = header.keys();
  require(more === undefined, `The weights hold a tensor that the engine does not know: ${more}.`);
  return { left, tensors };
}
