// Words for the keys of metrics.json, training.json and log.jsonl: the one table of them.

const NAMES = {
  nats_per_image: "Nats per digit",
  nats_per_image_given_class: "Nats per digit, told which digit it is",
  bits_per_dim: "Bits per pixel",
  images: "Measured on, digits",
  dataset: "Data",
  split: "Part of the data",
  binarization: "How greys become ink",
  levels: "Levels of ink",
  precision: "Arithmetic",
  ensemble: "An ensemble of models",
  weights_sha256: "Fingerprint of the weights",
  architecture: "Network",
  blocks: "Blocks",
  parameters: "Parameters",
  validation_nats_per_image: "Nats per digit of the validation set",
  classes: "Told which digit",
  epochs: "Epochs",
  objective: "Learned",
  optimizer: "Optimizer",
  freehand: "Share of free-hand digits",
  seed: "Seed",
};

const VALUES = {
  threshold: "at half: 128 of 255 and up is ink",
  stochastic: "by a die, as often as the pixel is dark",
  none: "kept as greys",
  fp32: "32-bit floats",
  bf16: "bfloat16 in products, sums in 32 bits",
  test: "test set",
  validation: "validation set",
  likelihood: "whole digits",
  "any-part": "to complete any part; whole digits as before",
  adam: "Adam",
  muon: "Muon, and Adam for the rest",
};

const HASH = 12; // of a fingerprint the beginning, by which it is known

/** What a key is called. */
export function nameOf(key) {
  return NAMES[key] ?? null;
}

/** A value as one reads it. */
export function valueText(key, value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string") {
    return key.endsWith("sha256") ? value.slice(0, HASH) : (VALUES[value] ?? value);
  }
  if (key === "seed") return String(value);
  if (key === "freehand") return `${Math.round(100 * value)} %`;
  return Number.isInteger(value) ? value.toLocaleString("en") : value.toFixed(3);
}
