// Trouble that passes: files or a server that cannot be reached. It is told for as long as it lasts, and what was
// asked for is asked for again: after a while, by the button beside the sentence, and when the network is back.

import { Unreachable } from "../engine/pool.js";

const FIRST_WAIT_MS = 2000; // each wait is twice the one before
const LONGEST_WAIT_MS = 30_000;

export class Trouble {
  #told = new Map(); // a sentence for each task that waits
  #wake = new Set(); // ends the wait of each
  #watchers = new Set();

  /** `notice` holds the sentence and the button; `over()` is called when they go while they have the focus. */
  constructor(notice, over) {
    Object.assign(this, { notice, over });
    notice.querySelector("button").addEventListener("click", () => this.retry());
    addEventListener("online", () => this.retry());
  }

  /** Whether something waits. */
  get here() {
    return this.#told.size > 0;
  }

  /** `changed()` is called when trouble comes, changes or goes. @returns {() => void} what ends that */
  watch(changed) {
    this.#watchers.add(changed);
    return () => this.#watchers.delete(changed);
  }

  /**
   * What `task()` resolves to, tried again for as long as it is unreachable and `wanted()`.
   * @throws {Unreachable} if it is no longer wanted; and whatever else the task throws
   */
  async outlast(task, wanted) {
    const key = Symbol("task");
    try {
      for (let wait = FIRST_WAIT_MS; ; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
        try {
          return await task();
        } catch (error) {
          if (!(error instanceof Unreachable) || !wanted()) throw error;
          this.#tell(key, error.message);
          await this.#pause(wait);
          if (!wanted()) throw error;
        }
      }
    } finally {
      this.#tell(key, null);
    }
  }

  /** Try everything that waits again, now. */
  retry() {
    for (const wake of this.#wake) wake();
  }

  #pause(ms) {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#wake.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.#wake.add(wake);
    });
  }

  /** What one waits for the others may wait for too: when it is over they are tried at once. */
  #tell(key, sentence) {
    if (sentence === (this.#told.get(key) ?? null)) return;
    if (sentence) this.#told.set(key, sentence);
    else {
      this.#told.delete(key);
      this.retry();
    }
    const sentences = [...new Set(this.#told.values())].join(" ");
    const focused = this.notice.contains(document.activeElement);
    this.notice.hidden = !sentences;
    this.notice.querySelector("span").textContent = sentences;
    if (focused && !sentences) this.over();
    for (const changed of this.#watchers) changed();
  }
}
