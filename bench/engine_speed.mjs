// The engine's side of engine_speed.py: a line {task, seed} on the input, CPU milliseconds on the output.
// `node bench/engine_speed.mjs ENGINE FOLDER`: the folder of engine.js, and that of a model.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [engineFolder, folder] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(resolve(engineFolder, name)));
const { Engine, finish, Random } = await load("engine.js");
const { drawClass, posterior } = await load("mixture.js");
const module = new WebAssembly.Module(readFileSync(`${engineFolder}/engine.wasm`));
const config = JSON.parse(readFileSync(`${folder}/config.json`, "utf8"));
const engine = new Engine(module, config, readFileSync(`${folder}/model.safetensors`));
const random = new Random(module);
const { classes, height, width, levels: K } = engine.config;
const rows = height / 2;

/** A drawing of which nothing is known yet: its first row is new. */
function drawing(seed) {
  const bits = (k) => Math.floor(((k * 2654435761 + seed * 40503) % 4096) / 64) % K;
  return Uint8Array.from({ length: height * width }, (_, k) =>
    k < width ? bits(k + seed) : bits(k % 300),
  );
}

function read(seed) {
  engine.give(drawing(seed));
  return finish(engine.read({ rows }));
}

const TASKS = {
  digit: (seed) => finish(engine.draw({ seed, label: classes ? seed % classes : null })),
  posterior: read,
  completions(seed) {
    const known = posterior(read(seed));
    const labels = Array.from(random.dice({ seed, count: 8 }, engine.size), (each) =>
      classes ? drawClass(known, each) : null,
    );
    labels.forEach((label, index) => {
      finish(engine.draw({ rows, seed, label, index, count: 8 }));
    });
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { task, seed } = JSON.parse(line);
  const start = process.cpuUsage();
  TASKS[task](seed);
  const { user, system } = process.cpuUsage(start);
  process.stdout.write(`${(user + system) / 1000}\n`);
}
