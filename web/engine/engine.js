// One model in WebAssembly. Tasks are generators that yield between rows: whoever runs one may drop it there.
//
// The same file serves workers (`worker.js`) and Node (the tests).

import { check, conditionOf, MAX_COUNT } from "./requests.js";
import { numConditions, Refusal, readConfig, readTensors, Unreachable } from "./tensors.js";

export { Refusal, Unreachable };

const GIVEN = 0; // the drawing of src/engine.c that a visitor has drawn
const BLANK = 1;
const MAX_BLOCKS = 64; // as in src/model.h
const MAX_MEGABYTES = 512; // as in build.py

/** Bytes that an instance may come to hold: weights, features of both drawings as each condition, buffers. */
function memoryOf(c, count) {
  const blocks = c.dilations.length + 1;
  const conditions = Math.max(1, numConditions(c)) + 1; // with that of what is no digit
  const images = 2 * (conditions * (blocks - c.classFrom) + blocks + 2) + blocks;
  const row = c.width * (8 * Math.ceil(c.dim / 8) + 7);
  const buffers = 200; // rows
  return (
    4 * (4 * count + (images * c.height + buffers) * row) +
    24 * conditions * c.channels * c.height * c.width
  );
}

/** Run a task to its end. */
export function finish(task) {
  for (;;) {
    const { value, done } = task.next();
    if (done) return value;
  }
}

/**
 * @typedef {object} Sample a digit, and what the model thought of it as it drew, at temperature 1. Given pixels
 *   count 0 in logProb and entropy, and are themselves in expected. All are (channels, height, width).
 * @property {Uint8Array} levels 0..K-1
 * @property {Float32Array} logProb nats
 * @property {Float32Array} entropy nats
 * @property {Float32Array} expected mean level / (K-1): the probability of ink for K = 2
 * @property {number | null} label its class, given or drawn
 * @property {number} passes over whole rows: the columns computed, divided by the width
 *
 * @typedef {Sample & Told} Followed a digit, and how it came about
 * @typedef {object} Told
 * @property {Float32Array} uniforms of every sub-pixel, (channels, height, width)
 * @property {Draft[]} drafts of every drawn row, from the first
 * @property {Float32Array[]} logits of every drawn row, as its pixels were drawn from: (width, channels * parameters)
 *
 * @typedef {object} Draft of one row; its levels are (channels, width)
 * @property {number} row
 * @property {Uint8Array} guess
 * @property {{from: number, to: number, levels: Uint8Array}[]} passes each over the columns from `from` to before
 *   `to`, and what the row is after it. What is left of the next one's `from` is final.
 */

/**
 * Check a model's files.
 * @param {object} config as parsed from config.json
 * @param {Uint8Array} weights the bytes of model.safetensors
 * @param {Object<string, Float32Array> | null} [outliers] the condition of what is no digit: see `Reference`
 * @throws {Refusal} in one sentence, if they are damaged, do not fit each other or need too much memory
 */
export function checkModel(config, weights, outliers = null) {
  const c = { ...readConfig(config), outliers: outliers !== null };
  const { left, tensors } = readTensors(c, weights, outliers);
  const count = tensors.reduce((sum, each) => sum + each.length, 0) / 4;
  const megabytes = Math.ceil(memoryOf(c, count) / 2 ** 20);
  if (megabytes > MAX_MEGABYTES) {
    throw new Refusal(
      `This model needs ${megabytes} MB of memory; ${MAX_MEGABYTES} MB are allowed.`,
    );
  }
  return { config: c, left, tensors, count };
}

/** PyTorch's random numbers, without a model. */
export class Random {
  #wasm;
  #address;

  /** @param {WebAssembly.Module} module compiled from engine.wasm */
  constructor(module) {
    this.#wasm = new WebAssembly.Instance(module).exports;
    this.#address = this.#wasm.tensors(MAX_COUNT); // memory that no tensor is going to need
  }

  /**
   * The uniforms that draw the classes of a seed's digits: they come after those of all pixels.
   * @param {{seed: number, count: number}} request
   * @param {number} size sub-pixels of a digit
   * @returns {Float32Array} (count)
   */
  dice({ seed, count }, size) {
    check({ seed, count });
    this.#wasm.rand(seed, count * size, count, this.#address);
    return new Float32Array(this.#wasm.memory.buffer, this.#address, count).slice();
  }
}

export class Engine {
  #wasm;

  /**
   * @param {WebAssembly.Module} module compiled from engine.wasm
   * @param {object} config as parsed from config.json
   * @param {Uint8Array} weights the bytes of model.safetensors
   * @param {Object<string, Float32Array> | null} [outliers] as for `checkModel`
   * @throws {Refusal} as `checkModel`
   */
  constructor(module, config, weights, outliers = null) {
    const checked = checkModel(config, weights, outliers);
    this.config = checked.config;
    this.size = this.config.channels * this.config.height * this.config.width;
    this.#wasm = new WebAssembly.Instance(module).exports;
    this.#load(checked);
  }

  #load({ config: c, left, tensors, count }) {
    const wasm = this.#wasm;
    const conditions = numConditions(c) + Number(c.outliers);
    const address = wasm.tensors(count);
    // The fields of `Config` in src/model.h.
    const fields = [
      ...[!c.gated, c.categorical, c.levels, c.channels, c.height, c.width],
      ...[Math.max(1, conditions), conditions > 0, left, c.dim, c.horizontalDim, c.classFrom],
      ...[c.dilations.length, c.horizontalDilations.length],
    ];
    const config = new Int32Array(
      wasm.memory.buffer,
      wasm.config(),
      fields.length + 2 * MAX_BLOCKS,
    );
    config.set(fields.map(Number));
    config.set(c.dilations, fields.length);
    config.set(c.horizontalDilations, fields.length + MAX_BLOCKS);
    let at = address;
    for (const each of tensors) {
      new Uint8Array(wasm.memory.buffer, at, each.length).set(each);
      at += each.length;
    }
    wasm.load(address);
  }

  // Copies, as the memory may move when it grows.
  #bytes(address) {
    return new Uint8Array(this.#wasm.memory.buffer, address, this.size).slice();
  }

  #floats(address, count = this.size) {
    return new Float32Array(this.#wasm.memory.buffer, address, count).slice();
  }

  #put(values, address) {
    new Uint8Array(this.#wasm.memory.buffer, address, this.size).set(values);
  }

  #trace(address) {
    const [logProb, entropy, expected] = [0, 1, 2].map((k) =>
      this.#floats(address + 4 * k * this.size),
    );
    return { logProb, entropy, expected };
  }

  /** Every class there is: [null] for a model without classes. */
  get labels() {
    return this.config.classes ? Array.from({ length: this.config.classes }, (_, k) => k) : [null];
  }

  /** Numbers skip, skip + 1, ... of `torch.rand` with a seed. */
  rand(seed, skip, count) {
    check({ seed });
    const numbers = new Float32Array(count);
    for (let at = 0; at < count; at += this.size) {
      const part = Math.min(this.size, count - at);
      this.#wasm.rand(seed, skip + at, part, this.#wasm.uniforms());
      numbers.set(this.#floats(this.#wasm.uniforms(), part), at);
    }
    return numbers;
  }

  /** Take a drawing, a Uint8Array of levels (channels, height, width). What was read above its first change stays known. */
  give(levels) {
    check({ levels }, this.config);
    this.#put(levels, this.#wasm.incoming());
    this.#wasm.give();
  }

  /**
   * Read the first rows of the drawing given, as some classes. A task: it yields between rows.
   * @param {{rows: number, labels?: (number | null)[], freehand?: boolean}} request; a label may be `OUTLIER`
   * @returns {Generator<void, number[]>} log p(rows | label) in nats, of each label
   */
  *read({ rows, labels = this.labels, freehand = false }) {
    check({ rows }, this.config);
    const conditions = labels.map((label) => conditionOf(label, freehand, this.config));
    yield* this.#read(GIVEN, conditions, rows);
    return conditions.map((each) => this.#wasm.log_prob(GIVEN, each, rows));
  }

  *#read(drawing, conditions, rows) {
    const wasm = this.#wasm;
    const ask = () =>
      new Int32Array(wasm.memory.buffer, wasm.asked(), conditions.length).set(conditions);
    for (ask(); wasm.read(drawing, conditions.length, rows); ask()) yield;
  }

  /** What the model expected at every pixel of the rows read last as a class, (channels, height, width). */
  readTrace({ label, freehand = false }) {
    return this.#trace(this.#wasm.read_trace(GIVEN, conditionOf(label, freehand, this.config)));
  }

  /**
   * Draw digit `index` of `count`. A task: it yields between rows.
   * @param {object} request
   * @param {number} request.rows how many rows of the drawing given are kept; 0: none, whatever was given
   * @param {number | null} request.label its class, or null for a model without classes
   * @param {Uint8Array | null} request.guess what the digit may be: the nearer, the faster
   * @returns {Generator<void, Sample>}
   */
  *draw(request) {
    yield* this.#start(request);
    while (this.#wasm.step()) yield;
    return this.#drawn(request);
  }

  /**
   * Draw the digit that `draw` draws, and tell every pass over every row. A task: it yields between rows.
   * @param {object} request as for `draw`
   * @returns {Generator<void, Followed>}
   */
  *follow(request) {
    yield* this.#start(request);
    const { height, rows = 0 } = { ...this.config, ...request };
    const drafts = [];
    const logits = [];
    for (let left = height - rows; left; ) {
      drafts.push(this.#followRow(height - left));
      logits.push(this.logits());
      left = this.#wasm.close_row();
      yield;
    }
    const uniforms = this.#floats(this.#wasm.uniforms());
    return { ...this.#drawn(request), uniforms, drafts, logits };
  }

  /** Draw a row down to its last pass: its guess, and what every pass made of it. */
  #followRow(row) {
    const wasm = this.#wasm;
    const { channels, height, width } = this.config;
    const levels = () => {
      const all = this.#bytes(wasm.levels());
      return Uint8Array.from({ length: channels * width }, (_, k) => {
        return all[(Math.floor(k / width) * height + row) * width + (k % width)];
      });
    };
    wasm.open_row();
    const draft = { row, guess: levels(), passes: [] };
    for (let from = 0; from < width; ) {
      const before = wasm.computed();
      const next = width - wasm.pass();
      draft.passes.push({ from, to: from + wasm.computed() - before, levels: levels() });
      from = next;
    }
    return draft;
  }

  /** Check a request to draw, and have its given rows read. */
  *#start(request) {
    const { rows = 0, index = 0, count = 1, seed, temperature = 1 } = request;
    const { label, freehand = false, guess = null } = request;
    check({ rows, count, index, seed, temperature }, this.config);
    const condition = conditionOf(label, freehand, this.config);
    const wasm = this.#wasm;
    const drawing = rows ? GIVEN : BLANK;
    if (rows) yield* this.#read(drawing, [condition], rows);
    if (guess) this.#put(guess, wasm.guess());
    wasm.start(drawing, condition, rows, temperature, Number(guess !== null));
    wasm.rand(seed, index * this.size, this.size, wasm.uniforms());
  }

  /** @returns {Sample} */
  #drawn({ label }) {
    const wasm = this.#wasm;
    const levels = this.#bytes(wasm.levels());
    const passes = wasm.computed() / this.config.width;
    return { levels, label, passes, ...this.#trace(wasm.drawn_trace()) };
  }

  /** Logits of the row that was computed last, (width, channels * parameters): for the tests. */
  logits() {
    const { width, channels, categorical, levels } = this.config;
    const used = channels * (categorical ? levels : 1);
    const step = Math.ceil(used / 8) * 8;
    const all = this.#floats(this.#wasm.logits(), width * step);
    return all.filter((_, k) => k % step < used);
  }

  /** Bytes that the instance holds. */
  get memory() {
    return this.#wasm.memory.buffer.byteLength;
  }
}
