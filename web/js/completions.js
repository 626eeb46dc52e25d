// The completions: eight slots. A completion keeps its slot while the pen moves, and is shown as soon as it
// is drawn; at rest the most probable comes first, and those that look alike are shown once.

import { digitButton, grow, setAttribute, setText } from "./raster.js";

export const COMPLETIONS = 8;
const COLD =
  "At temperature 0 every pixel takes its likeliest value, and the likeliest single pixel is nearly always " +
  "paper: so squares are blank, or alike. ";

export class Completions {
  #slotOf = Array.from({ length: COMPLETIONS }, (_, k) => k); // of each index
  // By slot: {sample, rows, times: how often it was drawn, since: when it began to grow in}.
  #shown = [];

  /** `watch({levels, label, rows})` is called for the one that was pressed; null: none can be. */
  constructor(holder, watch) {
    this.watch = watch;
    this.slots = Array.from({ length: COMPLETIONS }, (_, k) => {
      const slot = digitButton();
      slot.button.disabled = true;
      slot.button.addEventListener("click", () => {
        if (this.#shown[k]) watch({ ...this.#shown[k].sample, rows: this.#shown[k].rows });
      });
      return slot;
    });
    holder.replaceChildren(...this.slots.map((slot) => slot.button));
  }

  /** Forget them; their pictures stay, faint, until there are others. */
  clear() {
    this.#shown = [];
    this.fade();
  }

  /** Let those that are shown be faint until others take their places. */
  fade() {
    for (const { button } of this.slots) button.classList.add("stale");
  }

  /** They answer what is asked. */
  refresh() {
    for (const { button } of this.slots) button.classList.remove("stale");
  }

  /** Those that are shown, by slot. */
  get samples() {
    return this.#shown.filter(Boolean).map(({ sample }) => sample);
  }

  /** The one in the first slot. */
  get first() {
    return this.#shown[0]?.sample;
  }

  /** Show one that was just drawn, in its slot; `calm` lets it grow in. */
  add(sample, { info, rows, calm }) {
    const slot = this.#slotOf[sample.index];
    const before = this.#shown[slot];
    const same = before?.rows === rows && look(before.sample) === look(sample);
    const since = calm ? performance.now() : Number.NEGATIVE_INFINITY;
    const times = sample.times ?? 1;
    this.#shown[slot] = { sample, rows, since: same ? before.since : since, times };
    this.slots[slot].button.classList.remove("stale");
    this.#fill(slot, info);
  }

  /**
   * Order the samples of one answer: the most probable first, each that looks alike once.
   * Returns {shown: how many are left, draws: how many were drawn}.
   */
  settle(samples, { info, rows }) {
    const since = new Map(
      this.#shown.filter(Boolean).map((each) => [each.sample.index, each.since]),
    );
    const kept = merged(samples).sort((a, b) => a.sample.nats - b.sample.nats);
    this.#shown = kept.map((each) => ({ ...each, rows, since: since.get(each.sample.index) }));
    const order = this.#shown.map(({ sample }) => sample.index);
    const hidden = this.slots.map((_, k) => k).filter((k) => !order.includes(k));
    [...order, ...hidden].forEach((index, slot) => {
      this.#slotOf[index] = slot;
    });
    this.repaint(info);
    const draws = kept.reduce((sum, { times }) => sum + times, 0);
    return { shown: kept.length, draws };
  }

  repaint(info) {
    for (const slot of this.slots.keys()) this.#fill(slot, info);
  }

  /** Mean ink, 0 to 1, of every pixel of all that are shown with these rows given; null if there is none. */
  mean(info, rows) {
    const shown = this.#shown.filter((each) => each?.rows === rows);
    if (!shown.length) return null;
    const sum = new Float32Array(info.height * info.width);
    let draws = 0;
    for (const { sample, times } of shown) {
      draws += times;
      for (let at = 0; at < sum.length; at++) sum[at] += times * sample.levels[at];
    }
    return sum.map((each) => each / (draws * (info.levels - 1)));
  }

  #fill(slot, info) {
    const { button, canvas, caption } = this.slots[slot];
    const shown = this.#shown[slot];
    button.classList.toggle("missing", !shown);
    button.disabled = !shown || !this.watch;
    if (!shown) return;
    const { sample, rows, since } = shown;
    grow(canvas, sample.levels, info, { given: rows, since });
    const cost = `${sample.nats.toFixed(0)} nats`;
    const text = sample.label === null ? cost : `${sample.label} · ${cost}`;
    setText(caption, text);
    const verb = this.watch ? ": watch it" : "";
    setAttribute(button, "aria-label", `Completion ${slot + 1}, ${text}${verb}`);
  }
}

const look = (sample) => String.fromCharCode(...sample.levels);

/** Whether there are no two that look alike. */
export const allDiffer = (samples) => new Set(samples.map(look)).size === samples.length;

/** Those that look different, and how often each was drawn. */
function merged(samples) {
  const found = new Map();
  for (const sample of samples) {
    const { times = 1 } = sample;
    const known = found.get(look(sample));
    if (known) known.times += times;
    else found.set(look(sample), { sample, times });
  }
  return [...found.values()];
}

/** Says so where there are no eight that differ, and why: the model is too sure, or the temperature too low. */
export function scarcity({ shown, draws }, temperature) {
  if (temperature === 0) return COLD;
  if (shown === COMPLETIONS) return "";
  const what = shown === 1 ? "only this one" : `only these ${shown}`;
  const why =
    temperature < 1 ? "A low temperature makes the model surer" : "The model is sure of itself";
  return `${why}: ${draws} draws brought ${what}. `;
}

/** Whether what was answered answers another request too. */
export function answers(answered, { levels, distinct, ...ask }) {
  if (distinct && !answered.distinct) return false;
  const same = Object.keys(ask).every((key) => answered[key] === ask[key]);
  return same && levels.every((level, at) => level === answered.levels[at]);
}
