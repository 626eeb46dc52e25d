// For browsers that cannot run the engine: the same questions as to `engine/pool.js`, put to the server.

import { Refusal } from "../engine/pool.js";
import { readText } from "./models.js";

const BUSY_WAIT_MS = 600;
const BUSY_TRIES = 5;

const flat = (rows, Type) => Type.from(rows.flat());

function nested(levels, width) {
  const rows = levels.length / width;
  return Array.from({ length: rows }, (_, i) =>
    Array.from(levels.subarray(i * width, (i + 1) * width)),
  );
}

export class Server {
  #newest = {}; // of each kind of request
  #widths = {}; // of each model's images

  /** `functions` are Gradio's: `complete`, `sample` and `trace` of one JSON object each. */
  constructor(functions) {
    this.functions = functions;
  }

  /** The server has the weights; here the width of its images is needed. */
  async load(model, folder) {
    this.#widths[model] = JSON.parse(await readText(`${folder}config.json`)).width;
  }

  cancel(kind) {
    this.#newest[kind] = null;
  }

  async sample(request, onEach) {
    const answer = await this.#ask("sample", request);
    return answer && { samples: toSamples(answer, onEach), seed: answer.seed };
  }

  async complete(request, onEach, onPosterior) {
    const levels = nested(request.levels, this.#widths[request.model]);
    const answer = await this.#ask("complete", { ...request, levels });
    if (!answer) return null;
    const { posterior, rows, seed } = answer;
    onPosterior?.({ posterior });
    return { samples: toSamples(answer, onEach), posterior, rows, seed };
  }

  async trace(request) {
    const levels = nested(request.levels, this.#widths[request.model]);
    const answer = await this.#ask("trace", { ...request, levels });
    if (!answer) return null;
    return {
      levels: request.levels,
      label: answer.label,
      rows: answer.rows,
      digits: answer.digits && flat(answer.digits, Float32Array),
      nats: flat(answer.nats, Float32Array),
      entropy: flat(answer.entropy, Float32Array),
      expected: flat(answer.expected, Float32Array),
    };
  }

  /** The answer; null if something newer of this kind was asked meanwhile. */
  async #ask(kind, request) {
    this.#newest[kind] = request;
    for (let attempt = 1; this.#newest[kind] === request; attempt++) {
      const answer = await this.#call(kind, request);
      if (this.#newest[kind] !== request) break;
      if (!answer.error) return answer;
      if (!answer.busy || attempt === BUSY_TRIES) throw new Refusal(answer.error);
      await new Promise((done) => setTimeout(done, BUSY_WAIT_MS));
    }
    return null;
  }

  async #call(kind, request) {
    // Of a dead server Gradio makes `undefined`.
    const answer = await this.functions[kind](request).catch(() => undefined);
    if (!answer) throw new Refusal("The server does not answer: try again in a moment.");
    return answer;
  }
}

function toSamples({ levels, labels, nats, times }, onEach) {
  return levels.map((image, index) => {
    const label = labels?.[index] ?? null;
    const sample = { index, levels: flat(image, Uint8Array), label, nats: nats[index] };
    if (times) sample.times = times[index];
    onEach?.(sample);
    return sample;
  });
}
