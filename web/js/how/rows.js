// A row guessed at once, and corrected: every pass of the sampler over every row, as the engine told it.

import { paintLevels, setText } from "../raster.js";
import { PlayedFigure } from "./beat.js";
import { button, make } from "./dom.js";
import { DraftPicture } from "./draft_picture.js";

const REST_MS = 650; // after a pass that changed something
const QUIET_MS = 110; // after one that did not

/**
 * The passes over all rows one after the other, each with what was counted when it was done.
 * @param {import("./subject.js").Subject} subject
 * @returns {object[]} of each {draft, pass: its number in the row, last: of its row, columns: computed so far}
 */
export function passesOf({ drafts }) {
  let columns = 0;
  return drafts.flatMap((draft) =>
    draft.passes.map(({ from, to }, pass) => {
      columns += to - from;
      return { draft, pass, last: pass === draft.passes.length - 1, columns };
    }),
  );
}

export class RowFigure extends PlayedFigure {
  /** @param {HTMLElement} root is filled with the figure */
  constructor(root) {
    super(root);
    this.moves = { ArrowRight: () => this.#go(1), ArrowLeft: () => this.#go(-1) };
    this.#build();
  }

  /** @param {import("./subject.js").Subject} subject */
  show(subject) {
    this.beat.stop();
    this.subject = subject;
    this.passes = passesOf(subject);
    this.done = 0; // passes
    this.root.hidden = !this.passes.length;
    this.repaint();
  }

  get sentence() {
    return `${this.words.textContent} ${this.count.textContent}`;
  }

  #build() {
    this.canvas = make("canvas", {
      className: "pixels",
      role: "img",
      "aria-label": "The digit so far, row by row",
    });
    this.picture = new DraftPicture();
    this.words = make("p", { className: "row-words" });
    this.count = make("p", { className: "row-count" });
    const controls = make(
      "div",
      { className: "how-controls", role: "toolbar", "aria-label": "Passes" },
      button("Back", () => this.by(() => this.#go(-1))),
      this.play,
      button("Step", () => this.by(() => this.#go(1))),
      button("Next row", () => this.by(() => this.#go(this.#toNextRow()))),
      button("To the end", () => this.by(() => this.#go(this.passes.length))),
    );
    this.ours = make("span", { className: "ours" });
    this.theirs = make("span", { className: "theirs" });
    const bars = make(
      "div",
      { className: "pass-bars", "aria-hidden": "true" },
      this.ours,
      this.theirs,
    );
    const screen = make("div", { className: "plate" }, this.canvas);
    const side = make(
      "div",
      { className: "row-side" },
      this.picture.root,
      this.words,
      controls,
      this.count,
      bars,
      this.spoken,
    );
    this.root.replaceChildren(screen, side);
  }

  /** Passes to the first of the next row. */
  #toNextRow() {
    let to = this.done;
    while (to < this.passes.length && !this.passes[to].last) to++;
    return to + 1 - this.done;
  }

  #go(passes) {
    this.done = Math.max(0, Math.min(this.passes.length, this.done + passes));
  }

  advance() {
    if (this.done === this.passes.length) this.done = 0;
    else this.done++;
    this.repaint();
    if (this.done === this.passes.length) return null;
    return this.done && changesOf(this.passes[this.done - 1]) ? REST_MS : QUIET_MS;
  }

  /** The row at hand, and how many of its passes are done: of the next row only the guess. */
  #now() {
    const before = this.passes[this.done - 1];
    if (before && (!before.last || this.done === this.passes.length)) {
      return { draft: before.draft, passes: before.pass + 1 };
    }
    return { draft: this.passes[this.done].draft, passes: 0 };
  }

  repaint() {
    const { subject } = this;
    if (!subject || this.root.hidden) return;
    const { info, rows, levels } = subject;
    const { draft, passes } = this.#now();
    const now = passes ? draft.passes[passes - 1].levels : draft.guess;
    const shown = levels.slice();
    shown.set(now, draft.row * info.width);
    paintLevels(this.canvas, shown, info, { given: rows, end: (draft.row + 1) * info.width });
    this.picture.paint(subject, draft, passes, Math.max(...subject.drafts.map(lengthOf)));
    setText(this.words, rowSentence(draft, passes));
    this.#tellCount();
    this.tellPlay();
  }

  #tellCount() {
    const { subject, passes, done } = this;
    const { width } = subject.info;
    const last = passes[done - 1];
    const ours = last ? last.columns / width : 0;
    const theirs = last ? (last.draft.row - subject.rows) * width + settledBy(last, width) : 0;
    this.root.dataset.passes = String(ours);
    this.root.dataset.done = String(done);
    setText(
      this.count,
      `${passesText(ours)} so far; pixel by pixel it would have been ${theirs}. ` +
        `In all: ${passesText(passes.at(-1).columns / width)} instead of ${subject.end - subject.first}` +
        `${subject.first ? `; a whole digit has ${subject.end}` : ""}.`,
    );
    this.ours.style.width = `${(100 * ours) / (subject.end - subject.first)}%`;
    this.theirs.style.width = `${(100 * theirs) / (subject.end - subject.first)}%`;
  }
}

/** Columns of its row that are final after a pass. */
const settledBy = ({ draft, pass }, width) => draft.passes[pass + 1]?.from ?? width;

const lengthOf = ({ passes }) => passes.length;

/** A pass counts as many columns as it computed, in rows: most of the last ones compute a part of it. */
const passesText = (passes) =>
  `${Number.isInteger(passes) ? passes : passes.toFixed(1)} pass${passes === 1 ? "" : "es"}`;

/** How many pixels a pass changed. */
function changesOf({ draft, pass }) {
  const before = pass ? draft.passes[pass - 1].levels : draft.guess;
  return draft.passes[pass].levels.filter((level, at) => level !== before[at]).length;
}

function rowSentence(draft, passes) {
  const { row } = draft;
  if (!passes) {
    const guess = row ? "like the row above" : "blank";
    return `Row ${row} is guessed: ${guess}. Nothing of it is sure yet.`;
  }
  const { from, to } = draft.passes[passes - 1];
  const changed = changesOf({ draft, pass: passes - 1 });
  const settled = draft.passes[passes]?.from ?? to;
  const what = `Pass ${passes}: columns ${from} to ${to - 1} at once, each pixel set by its own die. `;
  if (!changed) {
    const rest =
      passes === draft.passes.length ? "The row is done." : `Up to column ${to - 1} the row stays.`;
    return `${what}None changed. ${rest}`;
  }
  const some = changed === 1 ? "One changed" : `${changed} changed`;
  if (passes === draft.passes.length) {
    return `${what}${some}, the last of the row. The row is done.`;
  }
  const first = changed === 1 ? "it" : "the first of them";
  return `${what}${some}; up to ${first}, column ${settled - 1}, the row stays.`;
}
