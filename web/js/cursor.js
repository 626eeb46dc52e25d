// Which pixel is asked about: the one under the pointer, or the one chosen by a press or by keys.

import { ownKey } from "./keyboard.js";

export class PixelCursor {
  /**
   * `screens` are canvases of the same image; the first takes the focus, and the keys.
   * `area()` returns {height, width, end}: from pixel `end` on nothing is drawn yet.
   */
  constructor(screens, area, changed) {
    this.area = area;
    this.changed = changed;
    this.hovered = null;
    this.chosen = null;
    const [first] = screens;
    for (const screen of screens) {
      screen.addEventListener("pointermove", (event) => this.#hover(this.#under(event)));
      screen.addEventListener("pointerleave", () => this.#hover(null));
      screen.addEventListener("click", (event) => {
        first.focus({ preventScroll: true });
        this.#choose(this.#under(event));
      });
    }
    first.addEventListener("keydown", (event) => this.#key(event));
    first.addEventListener("blur", () => this.#choose(null));
  }

  /** Of the pixel asked about, or null: then the newest is meant. */
  get index() {
    const index = this.hovered ?? this.chosen;
    return index === null ? null : Math.min(index, this.area().end - 1);
  }

  #hover(index) {
    this.hovered = index;
    this.changed();
  }

  #choose(index) {
    this.chosen = index;
    this.changed();
  }

  #under(event) {
    const { height, width, end } = this.area();
    const box = event.target.getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) / box.height) * height);
    const column = Math.floor(((event.clientX - box.left) / box.width) * width);
    const index = row * width + column;
    return index >= 0 && index < end ? index : null;
  }

  /** Keys that are taken here do not reach the player. */
  #key(event) {
    const { width, end } = this.area();
    const at = Math.min(this.chosen ?? end - 1, end - 1);
    const start = at - (at % width);
    const to = {
      ArrowLeft: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at - width,
      ArrowDown: at + width,
      Home: start,
      End: Math.min(start + width, end) - 1,
      Escape: null,
    }[ownKey(event)];
    if (to === undefined || end < 1) return;
    event.preventDefault();
    event.stopPropagation();
    if (to === null || (to >= 0 && to < end)) this.#choose(to);
  }
}
