// What is drawn: a grid of ink 0..255 with an anti-aliased pen, an eraser, undo and redo.

const UNDO_LIMIT = 100;

export class Ink {
  constructor(height, width) {
    this.height = height;
    this.width = width;
    this.values = new Uint8Array(height * width);
    this.past = [];
    this.future = [];
    this.step = null; // what `begin` remembers, until there is a change by undo or redo
    this.version = 0; // grows with every change
  }

  /** What changes from now on is one step of undo; none where nothing changes. */
  begin() {
    const { values, past, future } = this;
    this.step = { values, past, future };
  }

  /** Take the step back, as if it had never begun. */
  takeBack() {
    if (this.values !== this.step.values) this.version++;
    Object.assign(this, this.step);
  }

  undo() {
    const values = this.past.at(-1);
    if (!values) return;
    this.#show(values, this.past.slice(0, -1), [...this.future, this.values]);
  }

  redo() {
    const values = this.future.at(-1);
    if (!values) return;
    this.#show(values, [...this.past, this.values], this.future.slice(0, -1));
  }

  #show(values, past, future) {
    Object.assign(this, { values, past, future, step: null });
    this.version++;
  }

  clear() {
    this.fill(new Uint8Array(this.values.length));
  }

  /** Take over ink 0..255, row by row. */
  fill(values) {
    if (this.values.every((value, at) => value === values[at])) return;
    this.#change(values.slice());
  }

  /** Take other ink. The first change of a step remembers what was there before. */
  #change(values) {
    if (this.values === this.step?.values) {
      this.past = [...this.past, this.values].slice(-UNDO_LIMIT);
      this.future = [];
    }
    this.values = values;
    this.version++;
  }

  get empty() {
    return this.values.every((value) => value === 0);
  }

  /**
   * Draw a line from a to b, [x, y] in pixels, in the rows above `rows`.
   * A pixel takes as much ink as the pen covers of it, nearly: the pen's radius less its distance.
   */
  line(a, b, size, { rows, erase = false }) {
    const reach = size / 2 + 1;
    const limit = (value, high) => Math.max(0, Math.min(high, Math.floor(value)));
    const [top, bottom] = [
      limit(Math.min(a[1], b[1]) - reach, rows),
      limit(Math.max(a[1], b[1]) + reach + 1, rows),
    ];
    const left = limit(Math.min(a[0], b[0]) - reach, this.width);
    const right = limit(Math.max(a[0], b[0]) + reach + 1, this.width);
    const values = this.values.slice();
    let changed = false;
    for (let i = top; i < bottom; i++) {
      for (let j = left; j < right; j++) {
        const cover = Math.min(1, size / 2 + 0.5 - distance([j + 0.5, i + 0.5], a, b));
        if (cover <= 0) continue;
        const at = i * this.width + j;
        const ink = Math.round(255 * cover);
        const value = erase ? Math.min(values[at], 255 - ink) : Math.max(values[at], ink);
        changed ||= value !== values[at];
        values[at] = value;
      }
    }
    if (changed) this.#change(values);
  }

  levels(count) {
    return toLevels(this.values, count);
  }
}

/** Ink 0..255 as levels 0..count-1, by the model's own rule: floor(ink * K / 256). */
export const toLevels = (values, count) => values.map((ink) => (ink * count) >> 8);

/** Levels 0..count-1 as ink 0..255. */
export const inkOf = (levels, count) =>
  levels.map((level) => Math.round((255 * level) / (count - 1)));

/** Distance of a point from the line between a and b. */
function distance(point, a, b) {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const [px, py] = [point[0] - a[0], point[1] - a[1]];
  const length = dx * dx + dy * dy;
  const along = length ? Math.max(0, Math.min(1, (px * dx + py * dy) / length)) : 0;
  return Math.hypot(px - along * dx, py - along * dy);
}
