// Work that is under way: its results are busy, and a sentence says so until it is over, however it ends.

import { Refusal, Unreachable } from "../engine/pool.js";
import { setAttribute, setText } from "./raster.js";

export class Work {
  #newest = null; // {sentence}

  /**
   * @param {Trouble} trouble while there is any it speaks instead
   * @param {HTMLElement} results what the work will change
   * @param {HTMLElement} words where the sentence stands
   */
  constructor(trouble, results, words) {
    Object.assign(this, { trouble, results, words });
    this.close = trouble.watch(() => this.#show()); // ends it
  }

  get busy() {
    return this.#newest !== null;
  }

  /** What `task` resolves to. A refusal takes the place of `sentence`. The newest work is the one that is shown. */
  async run(task, sentence = null) {
    const work = { sentence };
    this.#newest = work;
    this.#show();
    try {
      return await task;
    } catch (error) {
      const told = error instanceof Refusal && !(error instanceof Unreachable);
      if (told && this.#newest === work) work.refusal = error.message;
      throw error;
    } finally {
      if (this.#newest === work) this.drop(work.refusal);
    }
  }

  /** Nothing is waited for any more. */
  drop(refusal = "") {
    const { sentence } = this.#newest ?? {};
    this.#newest = null;
    setAttribute(this.results, "aria-busy", "false");
    if (sentence || refusal) setText(this.words, refusal);
  }

  #show() {
    if (!this.#newest) return;
    const { sentence } = this.#newest;
    setAttribute(this.results, "aria-busy", "true");
    if (sentence) setText(this.words, this.trouble.here ? "" : sentence);
  }
}
