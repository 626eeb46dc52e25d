// The beat of a figure that plays: step after step, as slowly as each step asks for.

export class Beat {
  #timer = null;

  /**
   * @param {() => number | null} step goes on by one, and tells how many milliseconds to rest after it; null at the end
   * @param {() => void} changed is called when it starts and when it stops
   */
  constructor(step, changed) {
    Object.assign(this, { step, changed });
  }

  get playing() {
    return this.#timer !== null;
  }

  toggle() {
    if (this.playing) this.stop();
    else this.#go();
  }

  stop() {
    if (!this.playing) return;
    clearTimeout(this.#timer);
    this.#timer = null;
    this.changed();
  }

  #go() {
    this.#timer = 0;
    this.changed();
    this.#next();
  }

  #next() {
    const rest = this.step();
    if (!this.playing) return;
    if (rest === null) this.stop();
    else this.#timer = setTimeout(() => this.#next(), rest);
  }
}
