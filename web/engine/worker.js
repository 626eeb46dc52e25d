// A worker: engines by the name of their model, and one task after the other.
//
// In:  {module, config, weights, outliers, model}   make an engine
//      {drop}                             forget a model's engine
//      {id, kind, model, ...request}      run a task: "read", "draw" or "follow" of `Engine`
//      {cancel}                           drop the task of this id, between two rows
// Out: {id, value} | {id, refused} | {id, failed} | {id, cancelled}
//      {alive}                            at the start, and while a task takes long

import { Engine, Refusal } from "./engine.js";

const ALIVE_MS = 1000; // between two signs of life, while a task runs
const LISTEN_MS = 2; // how long a task runs between two looks at the messages

/** Resolves when the messages that wait have been taken in. */
function makeListen() {
  const { port1, port2 } = new MessageChannel();
  const waiting = [];
  port1.onmessage = () => waiting.shift()();
  return () =>
    new Promise((done) => {
      waiting.push(done);
      port2.postMessage(null);
    });
}

const KINDS = {
  *read(engine, request) {
    engine.give(request.levels);
    const logProbs = yield* engine.read(request);
    const { labels, freehand } = request;
    const traces = request.traced
      ? labels.map((label) => engine.readTrace({ label, freehand }))
      : null;
    return { logProbs, traces };
  },
  *draw(engine, request) {
    if (request.rows) engine.give(request.levels);
    return yield* engine.draw(request);
  },
  *follow(engine, request) {
    if (request.rows) engine.give(request.levels);
    return yield* engine.follow(request);
  },
};

/**
 * Serve the messages of a port.
 * @param {{onmessage: Function, postMessage: Function}} port the worker's own scope
 */
export function serve(port) {
  const engines = new Map();
  const queue = [];
  const cancelled = new Set();
  const listen = makeListen();
  let running = false;

  async function run({ id, kind, model, ...request }) {
    const task = KINDS[kind](engines.get(model), request);
    const start = performance.now();
    for (let [heard, told] = [start, start]; ; ) {
      if (cancelled.delete(id)) return { id, cancelled: true };
      const { value, done } = task.next();
      if (done) return { id, value };
      if (performance.now() - heard < LISTEN_MS) continue;
      await listen();
      heard = performance.now();
      if (heard - told < ALIVE_MS) continue;
      port.postMessage({ alive: true });
      told = heard;
    }
  }

  async function work() {
    running = true;
    while (queue.length) {
      const task = queue.shift();
      try {
        port.postMessage(await run(task));
      } catch (error) {
        const what = error instanceof Refusal ? "refused" : "failed";
        port.postMessage({ id: task.id, [what]: error.message });
      }
      cancelled.delete(task.id);
    }
    running = false;
  }

  function take(message) {
    if (message.drop) engines.delete(message.drop);
    else if (message.cancel) cancelled.add(message.cancel);
    else if (message.module) {
      const { model, module, config, weights, outliers } = message;
      engines.set(model, new Engine(module, config, weights, outliers));
    } else {
      queue.push(message);
      if (!running) work();
    }
  }

  port.onmessage = ({ data }) => take(data);
  port.postMessage({ alive: true });
}

if (typeof DedicatedWorkerGlobalScope !== "undefined") serve(globalThis);
