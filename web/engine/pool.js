// Two to four workers that draw, complete and read digits. The page asks here and nowhere else.
//
// Completions are independent of each other, so each goes to a worker that is free. Classes are read by the
// same workers every time, as each keeps what it knows of the rows above. Of each kind of request the newest
// wins: the one before it resolves to null.

import { checkModel, Refusal } from "./engine.js";
import { mixtureNats, posterior, posteriorByPixel, uniformPosterior } from "./mixture.js";

export { Refusal };

const MAX_MODELS = 3; // in a worker; the one used longest ago is dropped for a fourth
const SILENCE_MS = 30_000; // a worker that says nothing for so long is dead
const TRIES = 2; // of a task whose worker dies

// A module of one function with a SIMD instruction: `(func (result v128) (i8x16.splat (i32.const 0)))`.
const SIMD = new Uint8Array([
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3],
  ...[2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11],
]);

/** Whether this browser can run the engine. */
export function isSupported() {
  return typeof WebAssembly === "object" && WebAssembly.validate(SIMD);
}

/** Workers that are of use here. */
function usefulWorkers() {
  return Math.min(4, Math.max(2, globalThis.navigator?.hardwareConcurrency ?? 2));
}

function makeBrowserWorker() {
  return new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
}

async function fetchBytes(url) {
  const response = await fetch(url).catch(() => null);
  if (!response?.ok) throw new Refusal(`${url} cannot be had: reload the page in a moment.`);
  return new Uint8Array(await response.arrayBuffer());
}

/** A worker, its own queue, and the task that it has in hand. */
class Slot {
  constructor(pool) {
    this.pool = pool;
    this.queue = [];
    this.task = null;
    this.#start();
  }

  #start() {
    this.models = []; // that the worker has, the one used last at the end
    this.worker = this.pool.makeWorker();
    this.worker.onmessage = ({ data }) => this.#answered(data);
    this.worker.onerror = (event) => {
      event.preventDefault?.();
      this.#died(event.message ?? "it stopped");
    };
  }

  /** Give the worker its next task, if it has none. */
  next() {
    if (this.task) return;
    this.task = this.queue.shift() ?? this.pool.queue.shift() ?? null;
    if (!this.task) return;
    const { id, message } = this.task;
    if (!this.worker) this.#start();
    this.#bring(message.model);
    this.timer = setTimeout(() => this.#died("it says nothing"), SILENCE_MS);
    this.worker.postMessage({ id, ...message });
  }

  /** Make sure that the worker has a model. */
  #bring(model) {
    const place = this.models.indexOf(model);
    if (place >= 0) this.models.splice(place, 1);
    else this.worker.postMessage({ model, ...this.pool.files(model) });
    this.models.push(model);
    if (this.models.length > MAX_MODELS) this.worker.postMessage({ drop: this.models.shift() });
  }

  /** Drop a model, whose weights are replaced. */
  forget(model) {
    const place = this.models.indexOf(model);
    if (place < 0) return;
    this.models.splice(place, 1);
    this.worker?.postMessage({ drop: model });
  }

  #answered({ id, value, refused, failed, cancelled }) {
    if (failed !== undefined) {
      this.#died(failed);
      return;
    }
    const task = this.#finish();
    if (task?.id !== id) throw new Error(`A worker answered ${id}, which it was not asked.`);
    if (refused !== undefined) task.reject(new Refusal(refused));
    else task.resolve(cancelled ? null : value);
    this.next();
  }

  #finish() {
    clearTimeout(this.timer);
    const { task } = this;
    this.task = null;
    return task;
  }

  /** Do without this worker: the next task starts another. What it had in hand is tried again. */
  #died(reason) {
    const task = this.#finish();
    this.stop();
    if (task?.lane.stale) task.resolve(null);
    else if (task && ++task.tries < TRIES) this.queue.unshift(task);
    else task?.reject(new Refusal(`The model stopped (${reason}): reload the page.`));
    this.next();
  }

  stop() {
    clearTimeout(this.timer);
    if (!this.worker) return;
    this.worker.onmessage = this.worker.onerror = null;
    this.worker.terminate();
    this.worker = null;
  }
}

export class Pool {
  #models = new Map(); // name to {files: what a worker needs, config: see `readConfig`}
  #lanes = new Map(); // kind of request to the newest one
  #ids = 0;
  #guesses = { key: "", levels: new Map() }; // of the newest completions, by index

  /**
   * @param {object} [options]
   * @param {number} [options.size] workers
   * @param {() => Worker} [options.makeWorker]
   * @param {string | URL} [options.wasm] where engine.wasm is
   */
  constructor({ size = usefulWorkers(), makeWorker = makeBrowserWorker, wasm } = {}) {
    this.makeWorker = makeWorker;
    this.queue = [];
    this.wasm = wasm ?? new URL("./engine.wasm", import.meta.url);
    this.slots = Array.from({ length: size }, () => new Slot(this));
  }

  /**
   * Load a model from its folder.
   * @param {string} model its name here
   * @param {string | URL} folder that holds config.json and model.safetensors; ends with a slash
   * @throws {Refusal} in one sentence
   */
  async load(model, folder) {
    const base = new URL(folder, globalThis.location?.href);
    const names = ["config.json", "model.safetensors"];
    const [config, weights] = await Promise.all(
      names.map((name) => fetchBytes(new URL(name, base))),
    );
    await this.add(model, JSON.parse(new TextDecoder().decode(config)), weights);
  }

  /**
   * Add a model whose files are here already.
   * @param {string} model
   * @param {object} config
   * @param {Uint8Array} weights
   */
  async add(model, config, weights) {
    const checked = checkModel(config, weights);
    this.module ??= fetchBytes(this.wasm).then((bytes) => WebAssembly.compile(bytes));
    const module = await this.module;
    for (const slot of this.slots) slot.forget(model);
    this.#models.set(model, { files: { module, config, weights }, config: checked.config });
  }

  /** What a worker needs of a model. */
  files(model) {
    return this.#models.get(model).files;
  }

  /** Sizes, classes and the like of a model: see `readConfig`. */
  config(model) {
    if (!this.#models.has(model)) throw new Refusal(`There is no model ${model}: load it first.`);
    return this.#models.get(model).config;
  }

  /** Begin a request of a kind: the older one of that kind is dropped. */
  #begin(kind) {
    const before = this.#lanes.get(kind);
    if (before) this.#cancel(before);
    const lane = { stale: false };
    this.#lanes.set(kind, lane);
    return lane;
  }

  #cancel(lane) {
    lane.stale = true;
    for (const holder of [this, ...this.slots]) {
      const [dropped, kept] = [[], []];
      for (const task of holder.queue) (task.lane === lane ? dropped : kept).push(task);
      holder.queue = kept;
      for (const task of dropped) task.resolve(null);
    }
    for (const { task, worker } of this.slots) {
      if (task?.lane === lane) worker.postMessage({ cancel: task.id });
    }
  }

  /** Drop the request of a kind, "complete" for one, that is under way. */
  cancel(kind) {
    const lane = this.#lanes.get(kind);
    if (lane) this.#cancel(lane);
  }

  /** Have a task done, by one worker or by any; null if it was dropped. */
  #run(lane, message, slot = null) {
    if (lane.stale) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      (slot ?? this).queue.push({ id: ++this.#ids, lane, message, resolve, reject, tries: 0 });
      for (const each of slot ? [slot] : this.slots) each.next();
    });
  }

  /** Read rows as all classes, divided among the workers. Null if dropped. */
  async #read(lane, { model, levels, rows, freehand = false, traced = false }) {
    const { classes } = this.config(model);
    const labels = classes ? Array.from({ length: classes }, (_, k) => k) : [null];
    const n = Math.min(this.slots.length, labels.length);
    const parts = Array.from({ length: n }, (_, s) => labels.filter((_, k) => k % n === s));
    const answers = await Promise.all(
      parts.map((part, s) => {
        const message = { kind: "read", model, levels, rows, labels: part, freehand, traced };
        return this.#run(lane, message, this.slots[s]);
      }),
    );
    if (lane.stale || answers.includes(null)) return null;
    const each = (k) => [answers[k % n], Math.floor(k / n)];
    return {
      logProbs: labels.map((_, k) => each(k)[0].logProbs[each(k)[1]]),
      traces: traced ? labels.map((_, k) => each(k)[0].traces[each(k)[1]]) : null,
    };
  }

  async #posterior(lane, request) {
    const read = await this.#read(lane, request);
    if (!read) return null;
    const { classes } = this.config(request.model);
    const known = request.rows ? posterior(read.logProbs) : uniformPosterior(classes);
    return { posterior: classes ? known : null, nats: mixtureNats(read.logProbs) };
  }

  /** Draw digits, each as soon as a worker is free. Null if dropped. */
  async #draw(lane, message, guesses, onEach) {
    const draw = async (_, index) => {
      const guess = guesses?.get(index) ?? null;
      const sample = await this.#run(lane, { kind: "draw", ...message, index, guess });
      if (!sample || lane.stale) return null;
      let nats = -sample.logProb.reduce((sum, each) => sum + each, 0);
      if (message.rows && message.label === null && message.posterior) {
        nats -= Math.log(message.posterior[sample.label]); // the class was drawn too
      }
      const drawn = { ...sample, index, nats };
      onEach?.(drawn);
      return drawn;
    };
    const samples = await Promise.all(Array.from({ length: message.count }, draw));
    return lane.stale || samples.includes(null) ? null : samples;
  }

  /**
   * Draw digits.
   * @param {object} request model, count, seed; label (null: any), temperature, freehand
   * @param {(sample: object) => void} [onEach] is told each digit as it is done
   * @returns {Promise<{samples: object[], seed: number} | null>} in order of index; null if dropped
   */
  async sample(request, onEach) {
    const { model, count = 16, seed, label = null, temperature = 1, freehand = false } = request;
    const { classes } = this.config(model);
    const lane = this.#begin("sample");
    const probabilities = classes ? uniformPosterior(classes) : null;
    const message = {
      model,
      rows: 0,
      count,
      seed,
      label,
      temperature,
      freehand,
      posterior: probabilities,
    };
    const samples = await this.#draw(lane, message, null, onEach);
    return samples && { samples, seed };
  }

  /**
   * Keep the first rows of a drawing and draw the others.
   * @param {object} request model, levels (Uint8Array), rows, count, seed; label, temperature, freehand
   * @param {(sample: object) => void} [onEach] is told each completion as it is done
   * @param {(known: object) => void} [onPosterior] is told p(label | rows) as soon as it is known
   * @returns {Promise<object | null>} samples in order of index, posterior, nats of the rows; null if dropped
   */
  async complete(request, onEach, onPosterior) {
    const {
      model,
      levels,
      rows,
      count = 8,
      seed,
      label = null,
      temperature = 1,
      freehand = false,
    } = request;
    const { classes } = this.config(model);
    const lane = this.#begin("complete");
    const reading = this.#posterior(lane, request).then((known) => {
      if (known) onPosterior?.(known);
      return known;
    });
    // Only where the class is to be drawn do the completions wait for it.
    const known = classes && label === null ? await reading : null;
    const key = JSON.stringify([model, seed, count, label, temperature, freehand]);
    if (this.#guesses.key !== key) this.#guesses = { key, levels: new Map() };
    const { levels: guesses } = this.#guesses;
    const message = { model, levels, rows, count, seed, label, temperature, freehand };
    message.posterior = known?.posterior ?? null;
    const drawing = this.#draw(lane, message, guesses, (sample) => {
      guesses.set(sample.index, sample.levels);
      onEach?.(sample);
    });
    const [samples, read] = await Promise.all([drawing, reading]);
    return samples && read && { samples, ...read, rows, seed };
  }

  /**
   * How probable each class is, given the first rows, and how probable those are.
   * @param {object} request model, levels, rows; freehand
   * @returns {Promise<{posterior: Float32Array | null, nats: number} | null>} nats: -log p(rows) in that hand
   */
  async posterior(request) {
    this.config(request.model);
    return this.#posterior(this.#begin("posterior"), request);
  }

  /**
   * What the model expected at every pixel of an image, and which digit it took it for.
   * @param {object} request model, levels; rows (given ones, which count 0 nats), label (null: the most
   *   probable), freehand
   * @returns {Promise<object | null>} label; digits (pixels + 1, classes): p(label | pixels before); nats,
   *   entropy and expected (channels, height, width), given the label
   */
  async trace(request) {
    const { model, levels, rows = 0, label = null, freehand = false } = request;
    const { classes, height, width, channels } = this.config(model);
    const lane = this.#begin("trace");
    const read = await this.#read(lane, { model, levels, rows: height, freehand, traced: true });
    if (!read) return null;
    const { traces, logProbs } = read;
    const digits = classes
      ? posteriorByPixel(
          traces.map((each) => each.logProb),
          height * width,
        )
      : null;
    const chosen = classes ? (label ?? logProbs.indexOf(Math.max(...logProbs))) : null;
    const { logProb, entropy, expected } = traces[chosen ?? 0];
    const nats = logProb.map((each) => -each);
    for (let c = 0; c < channels; c++)
      nats.fill(0, c * height * width, (c * height + rows) * width);
    return { levels, label: chosen, rows, digits, nats, entropy, expected };
  }

  /** Stop all workers; what is under way resolves to null. */
  close() {
    for (const kind of this.#lanes.keys()) this.cancel(kind);
    for (const slot of this.slots) {
      slot.stop();
      slot.task?.resolve(null);
    }
  }
}
