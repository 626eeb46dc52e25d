// A grid of digits, each with its nats, that appear one by one.

import { digitButton, grow, setAttribute, setText } from "./raster.js";

export class Grid {
  /** `watch(sample)` is called for the one that was pressed; null: none can be. */
  constructor(holder, watch) {
    Object.assign(this, { holder, watch, slots: [] });
  }

  clear() {
    this.slots = [];
    this.holder.replaceChildren();
  }

  /** A place for each digit, of a size by their number; those that are there stay. */
  layOut(count) {
    this.holder.classList.toggle("many", count > 16);
    this.holder.classList.toggle("few", count <= 4);
    while (this.slots.length < count) {
      const slot = digitButton();
      slot.button.disabled = true;
      slot.button.addEventListener("click", () => this.watch(slot.sample));
      this.slots.push(slot);
      this.holder.append(slot.button);
    }
    for (const { button } of this.slots.splice(count)) button.remove();
  }

  /** Let those that are shown be faint until others take their places. */
  fade() {
    for (const { button } of this.slots) button.classList.add("stale");
  }

  /** Show a digit as soon as it is drawn. */
  fill(sample, info) {
    const slot = this.slots[sample.index];
    slot.sample = sample;
    slot.button.disabled = !this.watch;
    slot.button.classList.remove("stale");
    grow(slot.canvas, sample.levels, info);
    setText(slot.caption, `${sample.nats.toFixed(0)} nats`);
    const name = sample.label === null ? "digit" : `a ${sample.label}`;
    const verb = this.watch ? ": watch it" : "";
    const words = `Sample ${sample.index + 1}, ${name}, ${slot.caption.textContent}${verb}`;
    setAttribute(slot.button, "aria-label", words);
  }

  repaint(info) {
    for (const { canvas, sample } of this.slots) {
      if (sample) grow(canvas, sample.levels, info, { since: Number.NEGATIVE_INFINITY });
    }
  }
}
