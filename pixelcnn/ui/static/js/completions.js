// The completions: eight slots, the most probable first, and the mean of them all.

import { digitButton, grow, show } from "./raster.js";

export const COMPLETIONS = 8;

export class Completions {
  /** `watch(index)` is called for the one that was pressed. */
  constructor(holder, watch) {
    this.slots = Array.from({ length: COMPLETIONS }, (_, k) => {
      const slot = digitButton();
      slot.button.disabled = true;
      slot.button.addEventListener("click", () => watch(k));
      return slot;
    });
    holder.replaceChildren(...this.slots.map((slot) => slot.button));
  }

  /** Show an answer; `calm` lets it grow in. Slots that it does not fill keep their place, unseen. */
  show({ levels, labels, nats, rows }, max, calm) {
    this.slots.forEach(({ button, canvas, caption }, k) => {
      const missing = k >= levels.length;
      button.classList.toggle("missing", missing);
      button.disabled = missing;
      if (missing) return;
      (calm ? grow : show)(canvas, levels[k], { given: rows, max });
      const cost = `${nats[k].toFixed(0)} nats`;
      caption.textContent = labels ? `${labels[k]} · ${cost}` : cost;
      button.setAttribute("aria-label", `Completion ${k + 1}, ${caption.textContent}: watch it`);
    });
  }
}

/** Mean ink, 0 to 1, of every pixel: each completion counts as often as it was drawn. */
export function meanInk({ levels, times }, max) {
  const scale = 1 / (max * drawsOf(times));
  return levels[0].map((row, i) =>
    row.map((_, j) => scale * levels.reduce((sum, image, k) => sum + times[k] * image[i][j], 0)),
  );
}

/** Says so where the model is too sure of what follows for eight that differ; else nothing. */
export function scarcity({ levels, times }) {
  if (levels.length === COMPLETIONS) return "";
  const what = levels.length === 1 ? "only this one" : `only these ${levels.length}`;
  return `The model is sure of itself: ${drawsOf(times)} draws brought ${what}. `;
}

const drawsOf = (times) => times.reduce((sum, each) => sum + each, 0);
