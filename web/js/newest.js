// Of many requests only the newest.

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
        await work(newest);
      }
    } finally {
      running = false;
      if (waiting) void run(waiting);
    }
  };
}
