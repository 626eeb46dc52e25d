// The pad: pointer and keyboard turned into ink above the divider.

import { inks, paint } from "./raster.js";

export class Pad {
  /** `changed()` is called after every change of ink; `drawing` tells whether a stroke is under way. */
  constructor(frame, changed) {
    this.frame = frame;
    this.canvas = frame.querySelector(".pad");
    this.cursor = frame.querySelector(".pad-cursor");
    this.changed = changed;
    this.erase = false;
    this.size = 2.25;
    this.drawing = false;
    this.pen = null; // where the keyboard's pen stands, [x, y]
    this.last = null; // where the pointer was
    this.run = null; // the ink before the line that keys are drawing
    this.canvas.addEventListener("pointerdown", (event) => this.#down(event));
    this.canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) {
      this.canvas.addEventListener(name, () => this.#up());
    }
    this.canvas.addEventListener("keydown", (event) => this.#key(event));
    this.canvas.addEventListener("blur", () => (this.cursor.hidden = true));
  }

  /** Paint given levels cool, and below the divider `mean` (0 to 1, by pixel), the model's, warm. */
  paint(levels, info, rows, mean, strength = 1) {
    const { cool, warm } = inks();
    const scale = (255 * strength) / (info.levels - 1);
    const given = rows * info.width;
    paint(this.canvas, info, (at) => {
      if (at < given) return cool[Math.round(scale * levels[at])];
      return mean ? warm[Math.round(255 * strength * mean[at])] : 0;
    });
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) / box.width) * this.ink.width,
      ((event.clientY - box.top) / box.height) * this.ink.height,
    ];
  }

  #down(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.cursor.hidden = true;
    this.drawing = true;
    this.onstart();
    this.ink.save();
    this.last = this.#place(event);
    this.#line(this.last, this.last);
  }

  #move(event) {
    if (!this.drawing) return;
    const steps = event.getCoalescedEvents?.() ?? [];
    for (const step of steps.length ? steps : [event]) {
      const place = this.#place(step);
      this.ink.line(this.last, place, this.size, { rows: this.rows, erase: this.erase });
      this.last = place;
    }
    this.changed();
  }

  #up() {
    if (!this.drawing) return;
    this.drawing = false;
    this.changed();
  }

  #line(a, b) {
    this.ink.line(a, b, this.size, { rows: this.rows, erase: this.erase });
    this.changed();
  }

  #key(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[
      event.key
    ];
    if (!step && event.key !== " ") return;
    event.preventDefault();
    const from = this.pen ?? [this.ink.width / 2 - 0.5, this.rows / 2];
    const to = step ? this.#clamp([from[0] + step[0], from[1] + step[1]]) : from;
    const line = step && event.shiftKey;
    if (line || !step) {
      this.onstart();
      // A line of many steps is undone at once: as long as nothing was saved after its beginning.
      if (!line || !this.run || this.run !== this.ink.past.at(-1)) this.ink.save();
      this.#line(from, to);
    }
    this.run = line ? this.ink.past.at(-1) : null;
    this.pen = to;
    this.#showCursor();
  }

  #clamp([x, y]) {
    return [
      Math.max(0.5, Math.min(this.ink.width - 0.5, x)),
      Math.max(0.5, Math.min(this.rows - 0.5, y)),
    ];
  }

  #showCursor() {
    this.cursor.hidden = false;
    this.cursor.style.left = `${(100 * this.pen[0]) / this.ink.width}%`;
    this.cursor.style.top = `${(100 * this.pen[1]) / this.ink.height}%`;
  }
}
