// The engine's side of determinism.py: a line {seed, count, freehand, guess} on the input, {levels, boundaries} on the
// output. `node bench/determinism.mjs FOLDER`: that of a model. Levels are base64 of bytes (count, channels, height,
// width), boundaries of the floats p(level 0), where there are two levels.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Engine, finish } from "../web/engine/engine.js";

const [folder] = process.argv.slice(2);
const module = new WebAssembly.Module(
  readFileSync(new URL("../web/engine/engine.wasm", import.meta.url)),
);
const config = JSON.parse(readFileSync(`${folder}/config.json`, "utf8"));
const engine = new Engine(module, config, readFileSync(`${folder}/model.safetensors`));
const { classes, levels: K } = engine.config;
const base64 = (array) => Buffer.from(array.buffer).toString("base64");

for await (const line of createInterface({ input: process.stdin })) {
  const { seed, count, freehand, guess } = JSON.parse(line);
  const guesses = guess && Buffer.from(guess, "base64");
  const levels = new Uint8Array(count * engine.size);
  const boundaries = new Float32Array(count * engine.size);
  for (let index = 0; index < count; index++) {
    const at = index * engine.size;
    const request = { seed, index, count, freehand, label: classes ? index % classes : null };
    request.guess = guesses && new Uint8Array(guesses.subarray(at, at + engine.size));
    const digit = finish(engine.draw(request));
    levels.set(digit.levels, at);
    boundaries.set(
      digit.expected.map((ink) => 1 - ink),
      at,
    );
  }
  const answer = { levels: base64(levels), ...(K === 2 && { boundaries: base64(boundaries) }) };
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
