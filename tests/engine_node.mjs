// Runs the engine in Node, for engine.py: a line of JSON on the input, {folder, requests}, and its answers as a line
// on the output. The folder holds config.json and model.safetensors; each line has an engine of its own.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Engine, finish, Random, Refusal } from "../web/engine/engine.js";
import { drawClass, mixtureNats, posterior, uniformPosterior } from "../web/engine/mixture.js";
import { golden } from "./engine_golden.mjs";

const module = new WebAssembly.Module(
  readFileSync(new URL("../web/engine/engine.wasm", import.meta.url)),
);

const random = new Random(module);

/** The class of each digit of a seed, as `Pool` draws it. */
function drawLabels(engine, { rows, label, freehand, seed, count }) {
  const { classes } = engine.config;
  if (label !== null || !classes) return Array(count).fill(label);
  const known = rows
    ? posterior(finish(engine.read({ rows, freehand })))
    : uniformPosterior(classes);
  return Array.from(random.dice({ seed, count }, engine.size), (each) => drawClass(known, each));
}

const KINDS = {
  rand: (engine, { seed, skip, count }) => [...engine.rand(seed, skip, count)],

  // The logits of every row of an image, in one condition, computed a row at a time.
  logits(engine, { levels, label, freehand }) {
    engine.give(Uint8Array.from(levels));
    const task = engine.read({ rows: engine.config.height, labels: [label], freehand });
    const rows = [];
    for (let done = false; !done; ) {
      done = task.next().done;
      rows.push([...engine.logits()]);
    }
    const trace = engine.readTrace({ label, freehand });
    return { rows, ...Object.fromEntries(Object.entries(trace).map(([k, v]) => [k, [...v]])) };
  },

  posterior(engine, { levels, rows, freehand }) {
    engine.give(Uint8Array.from(levels));
    const logProbs = finish(engine.read({ rows, freehand }));
    return { posterior: [...posterior(logProbs)], nats: mixtureNats(logProbs) };
  },

  // Some of `count` digits; below the first rows of `levels`, if there are any.
  draw(engine, request) {
    const { levels, rows, guesses = null } = request;
    if (rows) engine.give(Uint8Array.from(levels));
    const labels = drawLabels(engine, request);
    return request.indices.map((index, k) => {
      const guess = guesses && Uint8Array.from(guesses[k]);
      const sample = finish(engine.draw({ ...request, label: labels[index], index, guess }));
      const { logProb, entropy, expected, ...rest } = sample;
      const sum = (values) => values.reduce((a, b) => a + b, 0);
      const sums = [logProb, entropy, expected].map((values) => sum(values));
      return { ...rest, levels: [...sample.levels], sums };
    });
  },

  // One digit and how it came about, beside the digit alone.
  follow(engine, request) {
    if (request.rows) engine.give(Uint8Array.from(request.levels));
    const told = finish(engine.follow(request));
    const drawn = finish(engine.draw(request));
    return { told, drawn };
  },

  golden: (engine) => golden(engine, finish),

  memory: (engine) => engine.memory,
};

/** What `run` returns; of a refusal, its sentence. */
function orRefusal(run) {
  try {
    return run();
  } catch (error) {
    if (error instanceof Refusal) return { refused: error.message };
    throw error;
  }
}

function answer({ folder, requests }) {
  const config = JSON.parse(readFileSync(`${folder}/config.json`, "utf8"));
  const engine = new Engine(module, config, readFileSync(`${folder}/model.safetensors`));
  return requests.map(({ kind, ...request }) => orRefusal(() => KINDS[kind](engine, request)));
}

for await (const line of createInterface({ input: process.stdin })) {
  const plain = (_, value) => (ArrayBuffer.isView(value) ? [...value] : value);
  process.stdout.write(
    `${JSON.stringify(
      orRefusal(() => answer(JSON.parse(line))),
      plain,
    )}\n`,
  );
}
