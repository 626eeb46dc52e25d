// Figures that play: step after step, as slowly as each step asks for, and by hand.

import { ownKey } from "../keyboard.js";
import { setText } from "../raster.js";
import { button, make } from "./dom.js";

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

/**
 * What figures that play share. One of them has `advance`, a step of its beat; `repaint`; `moves`, what each key
 * does; and `sentence`, which is read out after a move by hand.
 */
export class PlayedFigure {
  /** @param {HTMLElement} root is filled with the figure */
  constructor(root) {
    this.root = root;
    this.beat = new Beat(
      () => this.advance(),
      () => this.repaint(),
    );
    this.play = button("Play", () => this.beat.toggle(), { className: "primary" });
    this.spoken = make("p", { className: "sr-only", "aria-live": "polite" });
    root.addEventListener("keydown", (event) => this.#key(event));
  }

  stop() {
    this.beat.stop();
  }

  /** What a hand does stops what plays, and is read out. */
  by(move) {
    this.beat.stop();
    move();
    this.repaint();
    setText(this.spoken, this.sentence);
  }

  tellPlay() {
    setText(this.play, this.beat.playing ? "Pause" : "Play");
  }

  #key(event) {
    if (event.target.tagName === "BUTTON" && [" ", "Enter"].includes(event.key)) return;
    const key = ownKey(event);
    const move = this.moves[key];
    if (key === " ") this.beat.toggle();
    else if (move) this.by(move);
    else return;
    event.preventDefault();
  }
}
