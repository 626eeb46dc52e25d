// The pad: pointer and keyboard turned into ink above the divider.

import { ownKey } from "./keyboard.js";
import { inks, paint } from "./raster.js";

const LEFT = 0; // buttons of a pointer
const ERASER = 5; // the other end of a pen

export class Pad {
  /** `changed()` is called after every change of ink; `drawing` tells whether a stroke is under way. */
  constructor(frame, changed) {
    this.frame = frame;
    this.canvas = frame.querySelector(".pad");
    this.cursor = frame.querySelector(".pad-cursor");
    this.changed = changed;
    this.erase = false;
    this.size = 2.25;
    this.stroke = null; // of a pointer, while it is under way: {id, kind, last, erase}
    this.fingers = new Set(); // those that are down
    this.pen = null; // where the keyboard's pen stands, [x, y]
    this.line = null; // the step of undo of the line that keys are drawing
    this.canvas.addEventListener("pointerdown", (event) => this.#down(event));
    this.canvas.addEventListener("pointermove", (event) => this.#move(event));
    this.canvas.addEventListener("pointerup", (event) => this.#up(event));
    this.canvas.addEventListener("pointercancel", (event) => this.#up(event));
    this.canvas.addEventListener("keydown", (event) => this.#key(event));
    this.canvas.addEventListener("blur", () => (this.cursor.hidden = true));
  }

  get drawing() {
    return this.stroke !== null;
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
    const { pointerId: id, pointerType: kind, button } = event;
    if (button !== LEFT && button !== ERASER) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(id);
    this.cursor.hidden = true;
    if (!this.#takes(event)) return;
    this.onstart();
    this.ink.begin();
    this.stroke = { id, kind, last: this.#place(event), erase: this.erase || button === ERASER };
    this.#strokeTo([event]);
  }

  /** Whether a pointer that comes down draws. A second finger ends the stroke of the first; a pen that of a palm. */
  #takes({ pointerId: id, pointerType: kind, isPrimary }) {
    if (kind === "touch") {
      if (isPrimary) this.fingers.clear(); // there is no other
      this.fingers.add(id);
      if (this.stroke && this.stroke.kind !== kind) return false;
    }
    if (this.stroke) this.#cancel();
    return kind !== "touch" || this.fingers.size === 1;
  }

  #move(event) {
    if (event.pointerId !== this.stroke?.id) return;
    if (!event.buttons) return this.#end(); // it was released where no page is told
    const steps = event.getCoalescedEvents?.() ?? [];
    this.#strokeTo(steps.length ? steps : [event]);
  }

  #up({ pointerId: id, type }) {
    this.fingers.delete(id);
    if (id !== this.stroke?.id) return;
    if (type === "pointercancel") this.#cancel();
    else this.#end();
  }

  #strokeTo(events) {
    const { stroke } = this;
    for (const event of events) {
      const place = this.#place(event);
      this.#draw(stroke.last, place, stroke.erase);
      stroke.last = place;
    }
    this.changed();
  }

  #end() {
    this.stroke = null;
    this.changed();
  }

  #cancel() {
    this.ink.takeBack();
    this.#end();
  }

  #draw(a, b, erase) {
    this.ink.line(a, b, this.size, { rows: this.rows, erase });
  }

  #key(event) {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[
      ownKey(event)
    ];
    if (!by && ownKey(event) !== " ") return;
    event.preventDefault();
    const from = this.pen ?? [this.ink.width / 2 - 0.5, this.rows / 2];
    const to = by ? this.#clamp([from[0] + by[0], from[1] + by[1]]) : from;
    const line = by && event.shiftKey;
    if (line || !by) {
      this.onstart();
      // A line of many steps is undone at once: as long as nothing else was begun after it.
      if (!line || !this.line || this.line !== this.ink.step) this.ink.begin();
      this.#draw(from, to, this.erase);
      this.changed();
    }
    this.line = line ? this.ink.step : null;
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
