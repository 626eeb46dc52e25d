// For browsers that cannot run the engine: the same questions as to `engine/pool.js`, put to the server.

import { laneKey, Refusal, Unreachable } from "../engine/pool.js";

const BUSY_WAIT_MS = 600;
const BUSY_TRIES = 5;
const SILENCE_MS = 60_000; // a server that says nothing for so long is dead

const flat = (rows, Type) => Type.from(rows.flat());

function nested(levels, width) {
  const rows = levels.length / width;
  return Array.from({ length: rows }, (_, i) =>
    Array.from(levels.subarray(i * width, (i + 1) * width)),
  );
}

export class Server {
  #newest = {}; // of each kind of request and lane
  #widths = {}; // of each model's images

  /**
   * @param {object} functions Gradio's: `complete`, `sample` and `trace` of one JSON object each
   * @param {Trouble} trouble for as long as the server does not answer
   */
  constructor(functions, trouble) {
    Object.assign(this, { functions, trouble });
  }

  /** The server has the weights; here the width of its images is needed. */
  async load(model, folder) {
    const response = await fetch(`${folder}config.json`).catch(() => null);
    if (!response?.ok) throw new Unreachable(`${folder}config.json cannot be fetched.`);
    this.#widths[model] = (await response.json()).width;
  }

  cancel(kind, lane) {
    this.#newest[laneKey(kind, lane)] = null;
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
  async #ask(kind, { lane, ...request }) {
    const place = laneKey(kind, lane);
    this.#newest[place] = request;
    const wanted = () => this.#newest[place] === request;
    try {
      const answer = await this.trouble.outlast(() => this.#call(kind, request, wanted), wanted);
      return wanted() ? answer : null;
    } catch (error) {
      if (wanted()) throw error;
      return null;
    }
  }

  async #call(kind, request, wanted) {
    for (let attempt = 1; ; attempt++) {
      const answer = await inTime(this.functions[kind](request));
      if (!answer) throw new Unreachable("The server does not answer.");
      if (!answer.error) return answer;
      if (!answer.busy) throw new Refusal(answer.error);
      if (attempt === BUSY_TRIES || !wanted()) throw new Unreachable("The server is busy.");
      await pause(BUSY_WAIT_MS);
    }
  }
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** An answer of the server; undefined if there is none, as Gradio itself makes of a dead one. */
const inTime = (answer) => Promise.race([answer.catch(() => undefined), pause(SILENCE_MS)]);

function toSamples({ levels, labels, nats, times }, onEach) {
  return levels.map((image, index) => {
    const label = labels?.[index] ?? null;
    const sample = { index, levels: flat(image, Uint8Array), label, nats: nats[index] };
    if (times) sample.times = times[index];
    onEach?.(sample);
    return sample;
  });
}
