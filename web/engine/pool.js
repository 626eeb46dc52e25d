// Two to four workers that draw, complete and read digits. The page asks here and nowhere else.
//
// Digits are independent of each other, so each goes to a worker that is free. Classes are read by the same
// workers every time, as each keeps what it knows of the rows above; for the same reason a worker that is free
// takes a digit of one of its classes first. Of each kind of request the newest wins: the one before it resolves
// to null. Requests that name different lanes, as to two models that are compared, leave each other alone.

import { checkModel, Random, Refusal, Unreachable } from "./engine.js";
import {
  drawClass,
  mixtureNats,
  posterior,
  posteriorByPixel,
  uniformPosterior,
} from "./mixture.js";
import { check, OUTLIER } from "./requests.js";
import { MAX_JSON, MAX_WEIGHTS, parseJson, short } from "./tensors.js";
import { Reference } from "./typicality.js";

export { Refusal, Unreachable };

const MAX_MODELS = 3; // in a worker; the one used longest ago is dropped for a fourth
const SILENCE_MS = 10_000; // a worker that says nothing for so long is dead
const START_MS = 30_000; // until it says the first word, as its scripts have to come
const TRIES = 2; // of a task whose worker dies
const EXTRA_DRAWS = 2; // at most, in search of completions that differ; as in pixelcnn/ui/answers.py
const SEED_STEP = 0x9e3779b9; // from the seed of one draw to that of the next; as there

// The fields of a request and what they are where they are not given: undefined must be.
const GIVEN = { levels: undefined, rows: undefined, freehand: false };
const DRAWN = { count: 8, seed: undefined, label: null, temperature: 1, freehand: false };

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

/** A file, of at most so many bytes: nobody knows what a server sends before it is there. */
async function fetchBytes(url, most) {
  const lost = new Unreachable(`${url} cannot be fetched.`);
  const response = await fetch(url).catch(() => null);
  lost.status = response?.status;
  if (!response?.ok) throw lost;
  const [parts, reader] = [[], response.body.getReader()];
  let size = 0;
  for (;;) {
    const { value, done } = await reader.read().catch(() => {
      throw lost;
    });
    if (done) break;
    parts.push(value);
    size += value.length;
    if (size > most) {
      reader.cancel().catch(() => {});
      throw new Refusal(`${url} is larger than the ${most / 2 ** 20} MB that are allowed.`);
    }
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The weights in a folder. */
async function fetchWeights(base) {
  try {
    return await fetchBytes(new URL("model.safetensors", base), MAX_WEIGHTS);
  } catch (error) {
    if (error.status !== 404) throw error; // the server is there, and has no such file
    const parts = await fetch(new URL("model.safetensors.index.json", base)).catch(() => null);
    if (!parts?.ok || parts.headers.get("content-type")?.startsWith("text/html")) throw error;
    throw new Refusal("The weights are in several files: save them as one model.safetensors.");
  }
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
    this.heard = false; // whether it has said a word
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
    this.task = this.queue.shift() ?? this.pool.take(this) ?? null;
    if (!this.task) return;
    const { id, message } = this.task;
    if (!this.worker) this.#start();
    this.bring(message.model);
    this.#wait();
    this.worker.postMessage({ id, ...message });
  }

  /** Give the worker time to say something. */
  #wait() {
    clearTimeout(this.timer);
    const ms = this.heard ? this.pool.silenceMs : START_MS;
    this.timer = setTimeout(() => this.#died("it says nothing"), ms);
  }

  /** Make sure that the worker has a model. */
  bring(model) {
    if (!this.worker) return; // its successor is brought what it is asked for
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

  #answered({ id, value, refused, failed, cancelled, alive }) {
    this.heard = true;
    if (alive) {
      if (this.task) this.#wait();
      return;
    }
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

/** A completion whose class was drawn too, of so many nats. */
function withClass(sample, nats) {
  return nats ? { ...sample, nats: sample.nats + nats[sample.label] } : sample;
}

/** Completions in the order drawn; if `distinct`, those that look alike are counted as one. */
class Found {
  #known = new Map(); // what it looks like to the sample that is kept

  /**
   * @param {number} count how many are wanted
   * @param {boolean} distinct
   */
  constructor(count, distinct) {
    Object.assign(this, { count, distinct, samples: [], wanting: true });
  }

  /**
   * Take in a draw. Those of a further one get the places of such as looked alike.
   * @returns {object[]} the new ones that are kept
   */
  add(samples) {
    if (!this.distinct) {
      Object.assign(this, { samples, wanting: false });
      return samples;
    }
    const before = this.#known.size;
    for (const sample of samples) {
      const look = String.fromCharCode(...sample.levels);
      const known = this.#known.get(look);
      if (known) known.times++;
      else this.#known.set(look, { ...sample, times: 1 });
    }
    const all = [...this.#known.values()];
    const added = all.slice(before, this.count);
    if (before) this.#place(added);
    this.samples = all.slice(0, this.count).sort((a, b) => a.index - b.index);
    this.wanting = all.length > before && all.length < this.count;
    return added;
  }

  #place(samples) {
    const taken = new Set(this.samples.map(({ index }) => index));
    const free = Array.from({ length: this.count }, (_, k) => k).filter((k) => !taken.has(k));
    for (const sample of samples) sample.index = free.shift();
  }
}

export const laneKey = (kind, name = "") => `${kind} ${name}`;

export class Pool {
  #models = new Map(); // name to {files: what a worker needs, config: see `readConfig`, reference: or null}
  #lanes = new Map(); // kind of request, and lane, to the newest one
  #ids = 0;
  #guesses = new Map(); // lane to the newest completions {key, draws}, see `#guessesOf`

  /**
   * @param {object} [options]
   * @param {number} [options.size] workers
   * @param {() => Worker} [options.makeWorker]
   * @param {string | URL} [options.wasm] where engine.wasm is
   * @param {number} [options.silenceMs] after which a worker that was at work is taken for dead
   */
  constructor({
    size = usefulWorkers(),
    makeWorker = makeBrowserWorker,
    wasm,
    silenceMs = SILENCE_MS,
  } = {}) {
    this.makeWorker = makeWorker;
    this.silenceMs = silenceMs;
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
    const address = new URL("config.json", base);
    const [config, weights] = await Promise.all([
      fetchBytes(address, MAX_JSON),
      fetchWeights(base),
    ]);
    await this.add(model, parseJson(config, address), weights);
  }

  /**
   * Add a model whose files are here already.
   * @param {string} model
   * @param {object} config
   * @param {Uint8Array} weights
   */
  async add(model, config, weights) {
    const checked = checkModel(config, weights);
    const module = await this.#compiled();
    this.random ??= new Random(module);
    const files = { module, config, weights, outliers: null };
    this.#models.set(model, { files, config: checked.config, reference: null });
    this.#bring(model);
  }

  /** Give the workers the files of a model anew, so that its next task need not wait for them. */
  #bring(model) {
    for (const slot of this.slots) {
      slot.forget(model);
      slot.bring(model);
    }
  }

  /** The engine's module. What failed is tried anew. */
  #compiled() {
    const compile = async () => {
      const bytes = await fetchBytes(this.wasm, MAX_JSON);
      return WebAssembly.compile(bytes).catch(() => {
        throw new Refusal(`${this.wasm} is damaged: reload the page in a moment.`);
      });
    };
    this.module ??= compile().catch((error) => {
      this.module = null;
      throw error;
    });
    return this.module;
  }

  /**
   * Tell what is usual to a model: from then on `typicality` stands beside the posterior.
   * @param {string} model
   * @param {object} reference as parsed from the typicality.json beside its weights
   * @throws {Refusal} in one sentence, if it is damaged or another model's
   */
  calibrate(model, reference) {
    const read = new Reference(reference, this.config(model));
    const known = this.#models.get(model);
    known.reference = read;
    if (!read.outliers) return;
    known.files = { ...known.files, outliers: read.outliers };
    this.#bring(model);
  }

  /** What a worker needs of a model. */
  files(model) {
    return this.#models.get(model).files;
  }

  /** Sizes, classes and the like of a model: see `readConfig`. */
  config(model) {
    if (!this.#models.has(model)) {
      throw new Refusal(`There is no model ${short(model)}: load it first.`);
    }
    return this.#models.get(model).config;
  }

  /** A request with its defaults, which is sound. */
  #checked(request, defaults) {
    if (request === null || typeof request !== "object") {
      throw new Refusal(`A request must be an object, got ${short(request)}.`);
    }
    const config = this.config(request.model);
    const { lane = "" } = request;
    if (typeof lane !== "string") throw new Refusal(`lane must be a text, got ${short(lane)}.`);
    const fields = Object.keys(defaults).map((name) => [name, request[name] ?? defaults[name]]);
    const values = Object.fromEntries(fields);
    check(values, config);
    return { ...values, model: request.model, name: lane };
  }

  /** Begin a request of a kind: the older one of that kind, and of the lane that it names, is dropped. */
  #begin(kind, name) {
    this.cancel(kind, name);
    const lane = { stale: false };
    this.#lanes.set(laneKey(kind, name), lane);
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

  /** Drop the request of a kind, "complete" for one, that is under way in a lane. */
  cancel(kind, name) {
    const lane = this.#lanes.get(laneKey(kind, name));
    if (lane) this.#cancel(lane);
  }

  /** The next task for a worker: one of its own classes, if there is one. */
  take(slot) {
    const own = this.queue.findIndex(({ label }) => this.#reader(label) === slot);
    return this.queue.splice(Math.max(own, 0), 1)[0];
  }

  /** The worker that reads a class; the last one reads as what is no digit. */
  #reader(label) {
    return this.slots.at((label ?? 0) % this.slots.length);
  }

  /** Have a task done, by one worker or by any; null if it was dropped. */
  #run(lane, message, slot = null) {
    if (lane.stale) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      const task = { id: ++this.#ids, lane, message, resolve, reject, tries: 0 };
      (slot ?? this).queue.push({ ...task, label: message.label });
      for (const each of slot ? [slot] : this.slots) each.next();
    });
  }

  /** Read rows as all classes, and as what is no digit if that is asked, divided among the workers. Null if dropped. */
  async #read(lane, { model, levels, rows, freehand, traced = false, outlier = false }) {
    const { classes } = this.config(model);
    const labels = classes ? Array.from({ length: classes }, (_, k) => k) : [null];
    const message = { kind: "read", model, levels, rows, freehand, traced };
    const parts = new Map(); // worker to its labels
    for (const label of outlier ? [...labels, OUTLIER] : labels) {
      const slot = this.#reader(label);
      parts.set(slot, [...(parts.get(slot) ?? []), label]);
    }
    const answers = await Promise.all(
      [...parts].map(([slot, part]) => this.#run(lane, { ...message, labels: part }, slot)),
    );
    if (lane.stale || answers.includes(null)) return null;
    const read = new Map();
    [...parts.values()].forEach((part, s) => {
      const { logProbs, traces } = answers[s];
      part.forEach((label, k) => {
        read.set(label, { logProb: logProbs[k], trace: traces?.[k] });
      });
    });
    const each = labels.map((label) => read.get(label));
    return {
      logProbs: each.map(({ logProb }) => logProb),
      traces: each.map(({ trace }) => trace),
      outlier: read.get(OUTLIER)?.logProb ?? 0,
    };
  }

  async #posterior(lane, request) {
    const { model, rows, freehand } = request;
    const { reference } = this.#models.get(model);
    const ranking = reference?.freehand === freehand ? reference : null;
    const outlier = Boolean(ranking?.outliers);
    const read = await this.#read(lane, { ...request, outlier });
    if (!read) return null;
    const { classes } = this.config(model);
    const known = rows ? posterior(read.logProbs) : uniformPosterior(classes);
    const nats = mixtureNats(read.logProbs);
    const typicality = ranking ? ranking.typicality(nats + read.outlier, rows) : null;
    return { posterior: classes ? known : null, nats, typicality };
  }

  /** Draw digits, each as soon as a worker is free: of `labels`, by index. Null if dropped. */
  async #draw(lane, message, { labels, guesses = null, onEach }) {
    const draw = async (label, index) => {
      const guess = guesses?.get(index) ?? null;
      const sample = await this.#run(lane, { kind: "draw", ...message, label, index, guess });
      if (!sample || lane.stale) return null;
      guesses?.set(index, sample.levels);
      const nats = -sample.logProb.reduce((sum, each) => sum + each, 0);
      const drawn = { ...sample, index, nats };
      onEach?.(drawn);
      return drawn;
    };
    const samples = await Promise.all(labels.map(draw));
    return lane.stale || samples.includes(null) ? null : samples;
  }

  /** The class of each digit of a seed: the one that is asked for, or drawn of these probabilities. */
  #labels({ model, seed, count, label }, probabilities) {
    const { classes, channels, height, width } = this.config(model);
    const dice = this.random.dice({ seed, count }, channels * height * width);
    const any = label === null && classes > 0;
    return Array.from(dice, (each) => (any ? drawClass(probabilities, each) : label));
  }

  /**
   * Draw digits.
   * @param {object} request model, count, seed; label (null: any), temperature, freehand, lane
   * @param {(sample: object) => void} [onEach] is told each digit as it is done
   * @returns {Promise<{samples: object[], seed: number} | null>} in order of index; null if dropped
   */
  async sample(request, onEach) {
    const { label, name, ...asked } = this.#checked(request, { ...DRAWN, count: 16 });
    const { seed } = asked;
    const lane = this.#begin("sample", name);
    const message = { ...asked, rows: 0 };
    const known = uniformPosterior(this.config(asked.model).classes);
    const labels = this.#labels({ ...message, label }, known);
    const samples = await this.#draw(lane, message, { labels, onEach });
    return samples && { samples, seed };
  }

  /**
   * Keep the first rows of a drawing and draw the others.
   * @param {object} request model, levels (Uint8Array), rows, count, seed; label, temperature, freehand, lane;
   *   distinct: of those that look alike keep one, and draw more
   * @param {(sample: object) => void} [onEach] is told each completion as it is done
   * @param {(known: object) => void} [onPosterior] is told p(label | rows) as soon as it is known
   * @returns {Promise<object | null>} samples in order of index; of the rows posterior, nats and typicality;
   *   null if dropped
   */
  async complete(request, onEach, onPosterior) {
    const defaults = { ...DRAWN, ...GIVEN, distinct: false };
    const { label, seed, distinct, name, ...asked } = this.#checked(request, defaults);
    const { model, levels, rows, count, temperature, freehand } = asked;
    const lane = this.#begin("complete", name);
    const message = { model, levels, rows, count, temperature, freehand };
    const settings = [model, seed, count, label, temperature, freehand];
    const guesses = this.#guessesOf(name, settings);
    const found = new Found(count, distinct);
    const reading = this.#posterior(lane, { model, levels, rows, freehand }).then((known) => {
      if (known) onPosterior?.(known);
      return known;
    });
    reading.catch(() => {}); // where a draw is refused as well, that is what the caller is told
    // Only where the class is to be drawn do the completions wait for the posterior.
    const any = label === null ? await reading : null;
    if (label === null && !any) return null;
    const surprise = any?.posterior?.map((p) => -Math.log(p));
    for (let turn = 0; turn <= EXTRA_DRAWS && found.wanting; turn++) {
      message.seed = (seed + turn * SEED_STEP) % 2 ** 32;
      const labels = this.#labels({ ...message, label }, any?.posterior);
      const tell = turn ? null : (sample) => onEach?.(withClass(sample, surprise));
      const drawing = { labels, guesses: guesses(turn), onEach: tell };
      const samples = await this.#draw(lane, message, drawing);
      if (!samples) return null;
      const added = found.add(samples.map((sample) => withClass(sample, surprise)));
      if (turn) for (const sample of added) onEach?.(sample);
    }
    const read = await reading;
    return read && { samples: found.samples, ...read, rows, seed };
  }

  /** The completions before, as guesses of the next ones of the same seed: of each draw, by index. */
  #guessesOf(lane, settings) {
    const key = JSON.stringify(settings);
    if (this.#guesses.get(lane)?.key !== key) this.#guesses.set(lane, { key, draws: [] });
    const { draws } = this.#guesses.get(lane);
    return (turn) => {
      draws[turn] ??= new Map();
      return draws[turn];
    };
  }

  /**
   * Draw the first digit that `complete` or, without rows, `sample` draws of the same request, and tell how.
   * @param {object} request model, seed; levels and rows (0: none); count, label, freehand
   * @returns {Promise<object | null>} what `Engine.follow` tells: a sample with uniforms, drafts and logits; and
   *   logProbs, log p(rows | label) of every label (of one, for a model without); null if dropped
   */
  async follow(request) {
    const defaults = { ...DRAWN, ...GIVEN, rows: 0, count: 1 };
    const { label, temperature, ...asked } = this.#checked(request, defaults);
    const { model, levels, rows, count, seed, freehand } = asked;
    const { classes } = this.config(model);
    const lane = this.#begin("follow");
    const read = await this.#read(lane, { model, levels, rows, freehand });
    if (!read) return null;
    const known = rows ? posterior(read.logProbs) : uniformPosterior(classes);
    const [chosen] = this.#labels({ model, seed, count, label }, known);
    const message = { kind: "follow", ...asked, temperature, label: chosen };
    const told = await this.#run(lane, message);
    return told && { ...told, rows, seed, logProbs: read.logProbs };
  }

  /**
   * How probable each class is, given the first rows, and how probable and how usual those are.
   * @param {object} request model, levels, rows; freehand
   * @returns {Promise<{posterior: Float32Array | null, nats: number, typicality: number | null} | null>}
   *   nats: -log p(rows) in that hand; typicality: see `Reference`, null unless it is of that hand
   */
  async posterior(request) {
    const asked = this.#checked(request, GIVEN);
    return this.#posterior(this.#begin("posterior", asked.name), asked);
  }

  /**
   * What the model expected at every pixel of an image, and which digit it took it for.
   * @param {object} request model, levels; rows (given ones, which count 0 nats), label (null: the most
   *   probable), freehand
   * @returns {Promise<object | null>} label; digits (pixels + 1, classes): p(label | pixels before); nats,
   *   entropy and expected (channels, height, width), given the label
   */
  async trace(request) {
    const asked = this.#checked(request, { ...GIVEN, rows: 0, label: null });
    const { model, levels, rows, label, freehand } = asked;
    const { classes, height, width, channels } = this.config(model);
    const lane = this.#begin("trace", asked.name);
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
    for (const lane of this.#lanes.values()) this.#cancel(lane);
    for (const slot of this.slots) {
      slot.stop();
      slot.task?.resolve(null);
    }
  }
}
