// The page's reader of model files, for fuzz_weights.py: a line of JSON on the input, file names to base64, and
// {outcome, sentence, ms, mb} as a line on the output. `outcome` is "model", "refused", or what else was thrown.

import { createInterface } from "node:readline";
import { checkModel, Refusal } from "../web/engine/engine.js";
import { parseJson } from "../web/engine/tensors.js";
import { Reference } from "../web/engine/typicality.js";

function read(files) {
  const bytes = (name) => new Uint8Array(Buffer.from(files[name], "base64"));
  const config = parseJson(bytes("config.json"), "config.json");
  const checked = checkModel(config, bytes("model.safetensors"));
  if (files["typicality.json"] === undefined) return;
  const values = parseJson(bytes("typicality.json"), "typicality.json");
  const { outliers } = new Reference(values, checked.config);
  checkModel(config, bytes("model.safetensors"), outliers);
}

let count = 0;
for await (const line of createInterface({ input: process.stdin })) {
  let [outcome, sentence] = ["model", ""];
  const start = performance.now();
  try {
    read(JSON.parse(line));
  } catch (error) {
    outcome = error instanceof Refusal ? "refused" : error.constructor.name;
    sentence = error.message;
  }
  const ms = performance.now() - start;
  if (++count % 500 === 0) globalThis.gc();
  const mb = Math.round(process.memoryUsage().rss / 2 ** 20);
  process.stdout.write(`${JSON.stringify({ outcome, sentence, ms, mb })}\n`);
}
