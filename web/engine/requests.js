// What may be asked: every field is checked here, before a worker or WebAssembly sees it.

import { numConditions, Refusal, short } from "./tensors.js";

export const MAX_COUNT = 4096; // digits of one seed
export const OUTLIER = -1; // in place of a label: what is no digit, in no hand
const MAX_SEED = 2 ** 32 - 1;

function whole(name, value, low, high) {
  if (!Number.isInteger(value) || value < low || value > high) {
    const got = short(value);
    throw new Refusal(`${name} must be a whole number from ${low} to ${high}, got ${got}.`);
  }
}

function truth(name, value) {
  if (typeof value !== "boolean") {
    throw new Refusal(`${name} must be true or false, got ${short(value)}.`);
  }
}

/** What each field may be, for a model's config. */
const RULES = {
  rows: (value, { height }) => whole("rows", value, 0, height),
  count: (value) => whole("count", value, 1, MAX_COUNT),
  index: (value) => whole("index", value, 0, MAX_COUNT - 1),
  seed: (value) => whole("seed", value, 0, MAX_SEED),
  distinct: (value) => truth("distinct", value),

  temperature(value) {
    if (typeof value !== "number" || !(value >= 0 && value < Infinity)) {
      throw new Refusal(`temperature must be finite and 0 or more, got ${short(value)}.`);
    }
  },

  freehand(value, config) {
    truth("freehand", value);
    if (value && !config.freehand) {
      throw new Refusal("This model knows MNIST's hand only: freehand must be false.");
    }
  },

  /** One that is asked for, or null: any, or for a model without classes none. */
  label(value, { classes }) {
    if (value === null) return;
    if (!classes) throw new Refusal("This model has no classes: label must be null.");
    whole("label", value, 0, classes - 1);
  },

  levels(value, { channels, height, width, levels: K }) {
    const size = channels * height * width;
    const right = value instanceof Uint8Array && value.length === size;
    if (!right || !value.every((each) => each < K)) {
      throw new Refusal(`A drawing must be ${size} levels from 0 to ${K - 1}.`);
    }
  },
};

/**
 * Check fields of a request.
 * @param {object} values
 * @param {ReturnType<import("./tensors.js").readConfig>} config of the model that is asked
 * @throws {Refusal} in one sentence, if one of them is not what it may be
 */
export function check(values, config) {
  for (const [name, value] of Object.entries(values)) RULES[name](value, config);
}

/**
 * The index of a network's condition: which class, in which hand. The class is given, where there are any. The last
 * one is that of what is no digit, for an engine that has it.
 */
export function conditionOf(label, freehand, config) {
  check({ freehand }, config);
  if (label === OUTLIER && config.outliers) return numConditions(config);
  if (config.classes) whole("label", label, 0, config.classes - 1);
  else check({ label }, config);
  return (label ?? 0) + (freehand ? Math.max(1, config.classes) : 0);
}
