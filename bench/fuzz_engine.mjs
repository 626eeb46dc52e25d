// Wild requests to the page's engine, its pool and workers, in Node: each is answered by a result, by one sentence,
// or, where a newer one took its place, by null.
//
//     node --expose-gc bench/fuzz_engine.mjs [REQUESTS] [SEED]
//
// 20,000 requests of seed 0 unless told otherwise. Prints the outcomes, whether a worker died, and what memory did,
// as one JSON line; ends with 1 on anything else.

import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { Pool, Refusal } from "../web/engine/pool.js";

const [REQUESTS, SEED] = [Number(process.argv[2] ?? 20_000), Number(process.argv[3] ?? 0)];
const HANG_MS = 60_000;
const WORKERS = 2;
const KINDS = {
  sample: ["count", "seed", "temperature", "label", "freehand"],
  complete: [
    ...["levels", "rows", "count", "seed", "temperature", "label", "freehand", "distinct"],
  ],
  follow: ["levels", "rows", "count", "seed", "temperature", "label", "freehand"],
  posterior: ["levels", "rows", "freehand"],
  trace: ["levels", "rows", "label", "freehand"],
};

/** Uniforms from 0 to 1 that follow from a seed (mulberry32). */
function makeChance(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const chance = makeChance(SEED);
const below = (count) => Math.floor(chance() * count);
const pick = (list) => list[below(list.length)];

const cyclic = {};
cyclic.self = cyclic;
let deep = [];
for (let k = 0; k < 20_000; k++) deep = [deep];
const WILD = [
  ...[undefined, null, true, false, Number.NaN, Infinity, -Infinity, -0, -1, 0.5, 1e-320, 1e308],
  ...[2 ** 31, 2 ** 32, 2 ** 53, 10n ** 400n, "", "1", "7", "x".repeat(1e5), "\ud800", "__proto__"],
  ...[Symbol("x"), () => 1, [], [1], {}, cyclic, deep, { toString: 1, valueOf: 1 }, new Date(NaN)],
  ...[new Uint8Array(0), new Uint8Array(20).fill(255), new Float32Array(20), new ArrayBuffer(20)],
  ...[new Map(), /x/g, Object.create(null), new Array(1e6), new Proxy({}, {}), new Error("x")],
];

function readModel(name) {
  const file = (each) => readFileSync(new URL(`../tests/golden/${name}/${each}`, import.meta.url));
  return [JSON.parse(file("config.json")), file("model.safetensors")];
}

function makeWorker() {
  const thread = new Worker(new URL("../tests/engine_worker.mjs", import.meta.url));
  const worker = {
    postMessage: (message) => thread.postMessage(message),
    terminate: () => thread.terminate(),
  };
  thread.on("message", (data) => worker.onmessage?.({ data }));
  thread.on("error", (error) => worker.onerror?.(error));
  made++;
  return worker;
}

/** A kind, and a request of which some fields may be wild, missing or unknown. */
function makeRequest(pool) {
  const kind = pick(Object.keys(KINDS));
  const model = pick(["gated", "residual"]);
  const { channels, height, width, levels: K, classes } = pool.config(model);
  const sound = {
    levels: Uint8Array.from({ length: channels * height * width }, () => below(K)),
    rows: below(height + 1),
    count: chance() < 0.002 ? 4096 : 1 + below(4),
    seed: pick([0, 1, 5, 2 ** 32 - 1, below(1e6)]),
    temperature: pick([0, 0.5, 1, 2, 1e-320, 1e308]),
    label: chance() < 0.5 || !classes ? null : below(classes),
    freehand: chance() < 0.3 && pool.config(model).freehand,
    distinct: chance() < 0.5,
  };
  const given = KINDS[kind].map((name) => [name, sound[name]]);
  const request = { model, ...Object.fromEntries(given) };
  for (let k = pick([0, 0, 1, 1, 2, 5]); k > 0; k--) {
    const change = below(10);
    if (change === 0) delete request[pick(Object.keys(request).concat("seed"))];
    else if (change === 1) request[pick(["more", "__proto__", "kind", "id"])] = pick(WILD);
    else if (change === 2 && request.levels instanceof Uint8Array) request.levels[0] = below(256);
    else request[pick([...KINDS[kind], "model"])] = pick(WILD);
  }
  return [kind, chance() < 0.02 ? pick(WILD) : request];
}

/** What came of a request. Throws what is a defect. */
async function outcomeOf(pool, kind, request) {
  let timer;
  const hang = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer")), HANG_MS);
  });
  try {
    const answer = await Promise.race([pool[kind](request), hang]);
    if (answer === null) return "superseded";
    checkAnswer(answer);
    return "result";
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { message } = error;
    const isSentence = message.endsWith(".") && message.length < 300 && !message.includes("\n");
    if (!isSentence || message.includes("stopped")) throw new Error(`no sentence: ${message}`);
    return "refused";
  } finally {
    clearTimeout(timer);
  }
}

function checkAnswer({ samples = [], posterior = null }) {
  for (const { nats, levels } of samples) {
    if (!Number.isFinite(nats) || !(levels instanceof Uint8Array)) throw new Error("a wild sample");
  }
  const sum = posterior?.reduce((a, b) => a + b, 0) ?? 1;
  if (!(Math.abs(sum - 1) < 1e-3)) throw new Error(`a posterior that adds up to ${sum}`);
}

function megabytes() {
  globalThis.gc();
  return Math.round(process.memoryUsage().rss / 2 ** 20);
}

let made = 0;
const wasm = readFileSync(new URL("../web/engine/engine.wasm", import.meta.url));
const pool = new Pool({
  size: WORKERS,
  makeWorker,
  wasm: `data:application/wasm;base64,${wasm.toString("base64")}`,
});
for (const name of ["gated", "residual"]) await pool.add(name, ...readModel(`toy-${name}`));

const [outcomes, defects, memory] = [{}, [], { started: megabytes() }];
const count = (outcome) => {
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
};
let slowest = 0;
for (let asked = 0, next = REQUESTS / 4; asked < REQUESTS; ) {
  const together = chance() < 0.2 ? Math.min(3, REQUESTS - asked) : 1; // some are not waited for
  const running = [];
  for (let k = 0; k < together; k++, asked++) {
    const [number, [kind, request]] = [asked, makeRequest(pool)];
    const start = performance.now();
    const done = outcomeOf(pool, kind, request).then(count, (error) => {
      count("DEFECT");
      defects.push(`request ${number} of seed ${SEED}, ${kind}: ${error.stack.slice(0, 300)}`);
    });
    running.push(done.then(() => (slowest = Math.max(slowest, performance.now() - start))));
    if (chance() < 0.05) pool.cancel(pick(Object.keys(KINDS)));
  }
  await Promise.all(running);
  if (asked >= next) {
    memory[`after ${asked}`] = megabytes();
    next += REQUESTS / 4;
  }
}
pool.close();
for (const defect of defects.slice(0, 20)) console.error(defect);
const died = made - WORKERS;
const told = { requests: REQUESTS, seed: SEED, outcomes, died, slowest_ms: Math.round(slowest) };
console.log(JSON.stringify({ ...told, mb: memory }));
process.exit(defects.length || died ? 1 : 0);
