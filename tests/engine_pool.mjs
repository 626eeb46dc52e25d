// Tests of web/engine/pool.js, in Node's threads, for test_engine.py. MODEL_FOLDER holds a toy with classes, and
// ANSWERS_OUT takes some answers that are compared with Python's, as JSON.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { mock, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { Engine, finish, Random } from "../web/engine/engine.js";
import { drawClass, posterior, uniformPosterior } from "../web/engine/mixture.js";
import { isSupported, Pool, Refusal } from "../web/engine/pool.js";
import { serve } from "../web/engine/worker.js";

const folder = process.env.MODEL_FOLDER;
const config = JSON.parse(readFileSync(`${folder}/config.json`, "utf8"));
const weights = readFileSync(`${folder}/model.safetensors`);
const wasm = readFileSync(new URL("../web/engine/engine.wasm", import.meta.url));
const module = new WebAssembly.Module(wasm);
const engine = new Engine(module, config, weights);
const random = new Random(module);
const size = config.in_channels * config.height * config.width;
const levels = Uint8Array.from({ length: size }, (_, k) => (k % 3 === 0 ? 1 : 0));
const rows = Math.floor(config.height / 2);
const request = { model: "toy", levels, rows, count: 6, seed: 5 };

const workers = [];

/** A thread with the face of a browser's worker. */
function makeWorker() {
  const thread = new Worker(new URL("./engine_worker.mjs", import.meta.url));
  const worker = {
    thread,
    posted: [],
    postMessage(message) {
      this.posted.push(message);
      thread.postMessage(message);
    },
    terminate: () => thread.terminate(),
  };
  thread.on("message", (data) => worker.onmessage?.({ data }));
  thread.on("error", (error) => worker.onerror?.(error));
  workers.push(worker);
  return worker;
}

async function withPool(run, size = 2, options = {}) {
  const pool = new Pool({
    ...options,
    size,
    makeWorker,
    wasm: `data:application/wasm;base64,${wasm.toString("base64")}`,
  });
  try {
    await pool.add("toy", config, weights);
    await run(pool);
  } finally {
    pool.close();
  }
}

/** What one engine draws, without a pool. */
function alone({ levels, rows = 0, count, label = null, ...rest }) {
  if (rows) engine.give(levels);
  const read = () =>
    rows ? posterior(finish(engine.read({ rows }))) : uniformPosterior(config.num_classes);
  const known = label === null ? read() : null;
  const labels = Array.from(random.dice({ seed: rest.seed, count }, size), (each) =>
    known ? drawClass(known, each) : label,
  );
  return labels.map((each, index) =>
    finish(engine.draw({ ...rest, rows, count, label: each, index })),
  );
}

const digits = (samples) => samples.map(({ levels, label }) => [label, ...levels]);

test("this runtime is supported", () => assert.ok(isSupported()));

for (const label of [null, 1]) {
  test(`completions are those of one engine, label ${label}`, () =>
    withPool(async (pool) => {
      const [each, known] = [[], []];
      const asked = { ...request, label };
      const answer = await pool.complete(
        asked,
        (sample) => each.push(sample),
        (p) => known.push(p),
      );
      assert.deepEqual(digits(answer.samples), digits(alone(asked)));
      assert.deepEqual(each.map(({ index }) => index).sort(), [0, 1, 2, 3, 4, 5]);
      engine.give(levels);
      assert.deepEqual(answer.posterior, posterior(finish(engine.read({ rows }))));
      const { posterior: p, nats, typicality } = answer;
      assert.deepEqual(known, [{ posterior: p, nats, typicality }]);
      // Again, with the last completions as the guess: the same digits, and no pass too many.
      const again = await pool.complete(asked);
      assert.deepEqual(digits(again.samples), digits(answer.samples));
      for (const { passes } of again.samples) assert.equal(passes, config.height - rows);
    }));
}

test("samples are those of one engine", () =>
  withPool(async (pool) => {
    const asked = { model: "toy", count: 5, seed: 9, temperature: 0.8 };
    const answer = await pool.sample(asked);
    assert.deepEqual(digits(answer.samples), digits(alone(asked)));
  }, 3));

for (const given of [0, rows]) {
  test(`what is followed is the first digit, after ${given} rows`, () =>
    withPool(async (pool) => {
      const asked = { ...request, rows: given };
      const drawing = given ? pool.complete(asked) : pool.sample(asked);
      const { samples } = await drawing;
      const told = await pool.follow(asked);
      assert.deepEqual(digits([told]), digits(samples.slice(0, 1)));
      assert.deepEqual(told.expected, samples[0].expected);
      assert.equal(told.drafts.length, config.height - given);
      engine.give(levels);
      assert.deepEqual(told.logProbs, finish(engine.read({ rows: given })));
    }));
}

test("the newest of one kind wins, and kinds do not disturb each other", () =>
  withPool(async (pool) => {
    const stale = [];
    const other = Uint8Array.from(levels).fill(0, 0, config.width);
    const first = pool.complete({ ...request, count: 200 }, (sample) => stale.push(sample));
    const sampled = pool.sample({ model: "toy", count: 3, seed: 1 });
    const traced = pool.trace({ model: "toy", levels: other });
    const second = pool.complete({ ...request, levels: other });
    assert.equal(await first, null);
    const told = stale.length;
    const asked = { ...request, levels: other };
    assert.deepEqual(digits((await second).samples), digits(alone(asked)));
    assert.equal(stale.length, told);
    assert.ok(told < 200);
    assert.equal((await sampled).samples.length, 3);
    assert.equal((await traced).expected.length, size);
    const dropped = pool.complete(request);
    pool.cancel("complete");
    assert.equal(await dropped, null);
  }));

test("lanes do not disturb each other, and each keeps its guesses", () =>
  withPool(async (pool) => {
    const beside = { ...request, lane: "beside", seed: 6 };
    const first = pool.complete({ ...beside, count: 200 });
    const answers = await Promise.all([pool.complete(request), pool.complete(beside)]);
    assert.equal(await first, null); // the newest of its lane wins
    assert.deepEqual(digits(answers[0].samples), digits(alone(request)));
    assert.deepEqual(digits(answers[1].samples), digits(alone({ ...request, seed: 6 })));
    for (const asked of [request, beside]) {
      const again = await pool.complete(asked);
      for (const { passes } of again.samples) assert.equal(passes, config.height - rows);
    }
    const dropped = pool.complete(beside);
    pool.cancel("complete");
    assert.notEqual(await dropped, null);
  }));

test("a digit that is under way is dropped between two rows", () =>
  withPool(async (pool) => {
    const slow = new URL("../weights/residual/", import.meta.url); // a digit of it takes tens of milliseconds
    const file = (name) => readFileSync(new URL(name, slow));
    await pool.add("slow", JSON.parse(file("config.json")), file("model.safetensors"));
    const [worker] = workers.slice(-1);
    const answers = [];
    worker.thread.on("message", (data) => data.alive || answers.push(data));
    const asked = pool.sample({ model: "slow", count: 1, seed: 1 });
    while (!worker.posted.some(({ kind }) => kind === "draw")) await setImmediate();
    pool.cancel("sample");
    assert.equal(await asked, null);
    assert.ok(await pool.posterior({ model: "toy", levels, rows }));
    const [dropped, read] = answers;
    assert.equal(dropped.cancelled, true);
    assert.ok(read.value);
  }, 1));

test("a worker that dies is replaced, and its task done", () =>
  withPool(async (pool) => {
    await pool.complete(request);
    const [victim] = workers.slice(-2);
    const asked = pool.complete({ ...request, count: 40 });
    victim.onerror({ message: "shot" });
    const answer = await asked;
    assert.deepEqual(digits(answer.samples), digits(alone({ ...request, count: 40 })));
    assert.equal(workers.at(-1).posted[0].model, "toy"); // the new one was brought the model
    assert.notEqual(workers.at(-1), victim);
  }));

test("a worker that is gone without a word is replaced, and its task done", () =>
  withPool(
    async (pool) => {
      await pool.complete(request);
      const [victim] = workers.slice(-2);
      const asked = pool.complete({ ...request, count: 40 });
      while (!victim.posted.some(({ count }) => count === 40)) await setImmediate();
      victim.thread.terminate();
      const answer = await asked;
      assert.deepEqual(digits(answer.samples), digits(alone({ ...request, count: 40 })));
      assert.notEqual(workers.at(-1), victim);
    },
    2,
    { silenceMs: 2000 },
  ));

test("a worker that says that it is at work is waited for", async () => {
  let stopped = 0;
  const busy = () => ({
    postMessage({ kind, id, labels }) {
      if (!kind) return this.onmessage({ data: { alive: true } });
      let signs = 0;
      const timer = setInterval(() => {
        if (signs++ < 6) return this.onmessage({ data: { alive: true } });
        clearInterval(timer);
        this.onmessage({ data: { id, value: { logProbs: labels.map(() => -1), traces: null } } });
      }, 300);
    },
    terminate: () => stopped++,
  });
  const wasmUrl = `data:application/wasm;base64,${wasm.toString("base64")}`;
  const pool = new Pool({ size: 1, makeWorker: busy, wasm: wasmUrl, silenceMs: 1500 });
  await pool.add("toy", config, weights);
  assert.ok(await pool.posterior({ model: "toy", levels, rows }));
  assert.equal(stopped, 0);
  pool.close();
});

test("a worker says that it is at work", async () => {
  const posted = [];
  const port = { postMessage: (message) => posted.push(message) };
  const now = mock.method(performance, "now", () => 700 * now.mock.callCount());
  const channels = [];
  const { MessageChannel } = globalThis;
  globalThis.MessageChannel = class extends MessageChannel {
    constructor() {
      super();
      channels.push(this);
    }
  };
  serve(port);
  globalThis.MessageChannel = MessageChannel;
  port.onmessage({ data: { module, config, weights, model: "toy" } });
  port.onmessage({ data: { id: 1, kind: "draw", model: "toy", rows: 0, label: 0, seed: 1 } });
  while (!posted.some(({ value }) => value)) await setImmediate();
  now.mock.restore();
  for (const { port1 } of channels) port1.close(); // an open port keeps the process alive
  assert.deepEqual(posted[0], { alive: true }); // at the start
  assert.ok(posted.filter(({ alive }) => alive).length > 1);
});

test("wild requests are refused in a sentence, and no worker dies of them", () =>
  withPool(async (pool) => {
    const before = workers.length;
    const cyclic = {};
    cyclic.self = cyclic;
    const strange = { toString: 1, valueOf: 1 };
    for (const wild of [Number.NaN, "1", 1n, Symbol("x"), cyclic, strange, [1], () => 1, -0.5]) {
      for (const kind of ["sample", "complete", "posterior", "trace"]) {
        const ask = (changed) => pool[kind]({ ...request, ...changed });
        const wanted = (error) =>
          error instanceof Refusal && /^[^\n]{1,200}\.$/.test(error.message);
        await assert.rejects(ask({ freehand: wild }), wanted);
        await assert.rejects(ask({ model: wild }), wanted);
        if (kind !== "sample") await assert.rejects(ask({ levels: wild }), wanted);
        if (kind !== "sample") await assert.rejects(ask({ rows: wild }), wanted);
        if (kind !== "posterior") await assert.rejects(ask({ label: wild }), wanted);
        if (!["posterior", "trace"].includes(kind)) {
          for (const field of ["count", "seed", "temperature"]) {
            await assert.rejects(ask({ [field]: wild }), wanted);
          }
        }
      }
    }
    for (const wild of [undefined, null, 7, "x"]) await assert.rejects(pool.sample(wild), Refusal);
    assert.equal(workers.length, before);
    assert.equal((await pool.complete(request)).samples.length, 6);
  }));

test("an engine that cannot be had is asked for again", async () => {
  const pool = new Pool({ size: 1, makeWorker, wasm: "data:application/wasm,damaged" });
  await assert.rejects(pool.add("toy", config, weights), /is damaged: reload/);
  pool.wasm = `data:application/wasm;base64,${wasm.toString("base64")}`;
  await pool.add("toy", config, weights);
  assert.ok(await pool.posterior({ model: "toy", levels, rows }));
  pool.close();
});

test("files that are too large are refused before all of them is there", async () => {
  const endless = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(2 ** 20)),
  });
  const asked = mock.method(globalThis, "fetch", () =>
    Promise.resolve(new Response(asked.mock.callCount() ? "{}" : endless)),
  );
  const pool = new Pool({ size: 1, makeWorker });
  await assert.rejects(
    pool.load("big", "http://localhost/"),
    /config.json is larger than the 1 MB that are allowed\.$/,
  );
  asked.mock.restore();
  pool.close();
});

test("a worker that always dies ends in a refusal", () =>
  withPool(async (pool) => {
    const asked = pool.sample({ model: "toy", count: 1, seed: 1 });
    for (let k = 0; k < 2; k++) workers.at(-1).onerror({ message: "shot" });
    await assert.rejects(asked, (error) => error instanceof Refusal && /shot/.test(error.message));
  }, 1));

test("refusals reach the page", () =>
  withPool(async (pool) => {
    await assert.rejects(
      pool.sample({ model: "toy", seed: -1 }),
      /^Error: seed must be a whole number/,
    );
    await assert.rejects(pool.sample({ model: "none", seed: 1 }), /There is no model none/);
    await assert.rejects(pool.add("bad", config, weights.subarray(0, 100)), Refusal);
  }));

test("new weights of a model replace the old ones", () =>
  withPool(async (pool) => {
    const asked = { model: "toy", count: 2, seed: 3, label: 0 };
    const before = await pool.sample(asked);
    const zeros = Buffer.from(weights);
    zeros.fill(0, 8 + Number(weights.readBigUInt64LE(0)));
    await pool.add("toy", config, zeros);
    const after = await pool.sample(asked);
    assert.notDeepEqual(digits(after.samples), digits(before.samples));
  }));

test("answers for Python", () =>
  withPool(async (pool) => {
    const answers = { distinct: [], typicality: [] };
    answers.trace = await pool.trace({ model: "toy", levels, rows: 1 });
    const told = [];
    for (const [seed, temperature] of [
      [5, 1], // many that differ
      [2 ** 32 - 1, 0.1], // few
      [7, 0], // one of each class
    ]) {
      const asked = { ...request, rows: 3, count: 8, seed, temperature, distinct: true };
      const answer = await pool.complete(asked, (sample) => told.push(sample));
      answers.distinct.push({ seed, temperature, samples: answer.samples });
      assert.equal(new Set(answer.samples.map(({ index }) => index)).size, answer.samples.length);
      const looks = (samples) => new Set(samples.map((each) => String(each.levels)));
      assert.deepEqual(looks(told.splice(0)), looks(answer.samples));
    }
    const reference = JSON.parse(readFileSync(`${folder}/typicality.json`, "utf8"));
    assert.equal((await pool.posterior(request)).typicality, null);
    pool.calibrate("toy", reference);
    assert.equal((await pool.posterior(request)).typicality, null); // it is of the other hand
    for (let given = 0; given <= config.height; given++) {
      const asked = { ...request, rows: given, freehand: true };
      answers.typicality.push((await pool.posterior(asked)).typicality);
    }
    const damaged = { ...reference, nats: reference.nats.slice(1) };
    assert.throws(() => pool.calibrate("toy", damaged), /typicality.json is damaged/);
    const [[name, row]] = Object.entries(reference.outliers);
    for (const wrong of [
      { [name]: row },
      { ...reference.outliers, [name]: row.slice(1) },
      7,
      "no",
    ]) {
      const other = { ...reference, outliers: wrong };
      assert.throws(() => pool.calibrate("toy", other), /typicality.json is damaged/);
    }
    const wild = { ...reference.outliers, [name]: [1e39, ...row.slice(1)] }; // not finite as float32
    assert.throws(() => pool.calibrate("toy", { ...reference, outliers: wild }), /is damaged/);
    const plain = (_, value) => (ArrayBuffer.isView(value) ? [...value] : value);
    writeFileSync(process.env.ANSWERS_OUT, JSON.stringify(answers, plain));
  }));
