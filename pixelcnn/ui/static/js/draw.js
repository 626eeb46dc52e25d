// Draw: the upper part is yours, and while the pen moves, eight completions follow.

import { newestOnly } from "./ask.js";
import { makeBars } from "./bars.js";
import { COMPLETIONS, Completions, meanInk, scarcity } from "./completions.js";
import { makeDivider } from "./divider.js";
import { Ink } from "./ink.js";
import { MAX_SEED, pack, unpack, wholeNumber } from "./link.js";
import { Pad } from "./pad.js";
import { inks, paint } from "./raster.js";
import { inkOf, Starts } from "./starts.js";
import { freshSeed, natsSentence } from "./words.js";

const MARGIN = 4; // the divider keeps this far from either end

export class DrawView {
  constructor(app, root) {
    this.app = app;
    this.root = root;
    this.label = null;
    this.seed = freshSeed();
    this.answer = null;
    this.starts = new Starts(app, root.querySelector(".starts"), (ink) => {
      this.#start(ink);
      this.pad.frame.scrollIntoView({ block: "nearest" }); // on a phone it is far above them
    });
    this.pad = new Pad(root.querySelector(".pad-frame"), () => this.#changed());
    this.pad.onstart = () => this.#started();
    this.refresh = newestOnly((request, stale) => this.#complete(request, stale));
    this.moveDivider = makeDivider(
      root.querySelector(".divider"),
      () => this.#range(),
      (rows) => this.#setRows(rows),
    );
    this.completions = new Completions(root.querySelector(".completions"), (k) => this.#watch(k));
    this.#wireTools();
  }

  get count() {
    return this.app.info.levels;
  }

  /** Start afresh, or go on with the same ink, for the model now chosen. */
  async setModel() {
    const { height, width, classes } = this.app.info;
    if (this.ink?.height !== height || this.ink?.width !== width) {
      this.ink = this.pad.ink = new Ink(height, width);
      this.rows = this.pad.rows = Math.floor(height / 2);
    }
    this.label = null;
    this.answer = null;
    this.root.querySelector(".posterior").hidden = !classes;
    this.bars = makeBars(this.root.querySelector(".posterior .bars"), classes, (digit) =>
      this.#choose(digit),
    );
    this.#paint();
    await this.starts.setModel();
    this.#changed();
  }

  show() {
    this.#changed();
  }

  hide() {}

  repaint() {
    this.#paint();
    this.starts.repaint();
    this.#showAnswer(false);
  }

  state() {
    const ink = this.ink.empty
      ? null
      : pack(this.ink.levels(this.count).slice(0, this.rows), this.count);
    return { rows: this.rows, seed: this.seed, label: this.label, ink };
  }

  restore(query) {
    const { height, width, classes } = this.app.info;
    const count = this.count;
    const levels = query.get("ink") && unpack(query.get("ink"), { height, width, count });
    if (levels) this.#start(inkOf(levels, count));
    this.seed = wholeNumber(query.get("seed"), 0, MAX_SEED) ?? this.seed;
    this.#setLabel(wholeNumber(query.get("label"), 0, classes - 1));
    this.#setRows(wholeNumber(query.get("rows"), MARGIN, height - MARGIN) ?? this.rows);
  }

  #range() {
    const { height } = this.app.info;
    return { low: MARGIN, high: height - MARGIN, rows: this.rows, height };
  }

  #watch(index) {
    const { levels, labels, rows, freehand, model } = this.answer;
    const label = labels?.[index] ?? null;
    this.app.watch({ levels: levels[index], label, rows, freehand, model });
  }

  #wireTools() {
    const actions = {
      undo: () => this.ink.undo(),
      redo: () => this.ink.redo(),
      clear: () => this.#clear(),
      more: () => (this.seed = freshSeed()),
      eraser: () => (this.pad.erase = !this.pad.erase),
    };
    for (const [tool, action] of Object.entries(actions)) {
      this.#tool(tool).addEventListener("click", () => {
        action();
        this.#changed();
      });
    }
    this.root.addEventListener("keydown", (event) => this.#shortcut(event));
    this.root.querySelector("[name=pen]").addEventListener("input", (event) => {
      this.pad.size = Number(event.target.value);
    });
  }

  #tool(name) {
    return this.root.querySelector(`[data-tool=${name}]`);
  }

  #shortcut(event) {
    if (!(event.ctrlKey || event.metaKey)) return;
    const key = event.key.toLowerCase();
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    if (key === "y" || event.shiftKey) this.ink.redo();
    else this.ink.undo();
    this.#changed();
  }

  #clear() {
    this.ink.save();
    this.ink.clear();
    this.#setLabel(null);
  }

  #started() {
    if (this.ink.empty) this.answer = null; // the invitation gives way
  }

  #choose(digit) {
    this.#setLabel(this.label === digit ? null : digit);
    this.#changed();
  }

  #setLabel(label) {
    this.label = label;
    this.bars.press(label);
  }

  #setRows(rows) {
    this.rows = this.pad.rows = rows;
    this.#changed();
  }

  /** Take rows of ink over, to be undone like a stroke. */
  #start(ink) {
    this.#setLabel(null);
    this.ink.save();
    this.ink.fill(ink);
    this.#changed();
  }

  /** What is completed: the ink, or as long as there is none, the first preset as an invitation. */
  #levels() {
    return this.ink.empty ? this.starts.first : this.ink.levels(this.count);
  }

  #changed() {
    this.#tool("undo").disabled = !this.ink.past.length;
    this.#tool("redo").disabled = !this.ink.future.length;
    this.#tool("eraser").setAttribute("aria-pressed", String(this.pad.erase));
    this.pad.canvas.dataset.version = this.ink.version;
    this.moveDivider();
    this.#paint();
    const levels = this.#levels();
    if (!levels || this.app.view !== this) return;
    const { rows, label, seed, ink } = this;
    const { name: model, info } = this.app;
    const settings = { count: COMPLETIONS, distinct: true, freehand: info.freehand };
    this.refresh({ version: ink.version, ask: { levels, rows, label, seed, ...settings, model } });
  }

  async #complete({ version, ask }, stale) {
    const key = JSON.stringify(ask); // a move that fills no further pixel asks for nothing new
    if (this.answer?.key !== key) {
      const answer = await this.app.ask("complete", ask);
      if (answer.model !== this.app.name) return;
      const calm = !this.pad.drawing && !stale();
      this.answer = { ...answer, key, label: ask.label, mean: meanInk(answer, this.count - 1) };
      this.#showAnswer(calm);
      this.#paint();
    }
    this.root.querySelector(".completions").dataset.version = version;
  }

  #showAnswer(calm) {
    if (!this.answer) return;
    const { nats, posterior, label } = this.answer;
    this.completions.show(this.answer, this.count - 1, calm);
    this.bars.set(posterior);
    this.root.querySelector(".draw-explained").textContent =
      scarcity(this.answer) + natsSentence(nats[0], "its half of the first one", label);
  }

  /** The pad: ink above, and below the mean of the completions, faint where they differ. */
  #paint() {
    const invited = this.ink.empty;
    this.pad.frame.classList.toggle("inviting", invited);
    if (invited && this.starts.first) this.#paintInvitation();
    else this.pad.paint(this.ink, this.rows, this.count, this.#mean());
  }

  #paintInvitation() {
    const { cool, warm } = inks();
    const mean = this.#mean();
    paint(this.pad.canvas, this.ink.height, this.ink.width, (i, j) =>
      i < this.rows
        ? [cool, (0.4 * this.starts.first[i][j]) / (this.count - 1)]
        : mean && [warm, 0.4 * mean[i][j]],
    );
  }

  /** Of the last completions, where they fit the divider. */
  #mean() {
    return this.answer?.rows === this.rows ? this.answer.mean : null;
  }
}
