// Calls to the server: one sentence on refusal, and only the newest of many requests.

/** A refusal that can be shown as it is. */
export class Refusal extends Error {}

const BUSY_WAIT_MS = 600;
const BUSY_TRIES = 5;

/** Call a server function; wait and try again while it is busy. */
export async function ask(server, name, request) {
  for (let attempt = 1; ; attempt++) {
    const answer = await call(server, name, request);
    if (!answer?.error) return answer;
    if (!answer.busy || attempt === BUSY_TRIES) throw new Refusal(answer.error);
    await new Promise((done) => setTimeout(done, BUSY_WAIT_MS));
  }
}

async function call(server, name, request) {
  try {
    return await server[name](request);
  } catch {
    throw new Refusal("The server does not answer: try again in a moment.");
  }
}

/**
 * Run `work` on the newest request: one at a time, those in between are dropped.
 * Nothing is ever queued, so the answer is never older than one call. After a failure the newest goes on.
 */
export function newestOnly(work) {
  let waiting = null;
  let running = false;
  return async function run(request) {
    waiting = request;
    if (running) return;
    running = true;
    try {
      while (waiting) {
        const newest = waiting;
        waiting = null;
        await work(newest, () => waiting !== null);
      }
    } finally {
      running = false;
      if (waiting) void run(waiting);
    }
  };
}
