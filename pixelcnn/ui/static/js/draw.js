// Draw: the upper part is yours, and while the pen moves, eight completions follow.

import { newestOnly } from "./ask.js";
import { makeBars } from "./bars.js";
import { makeDivider } from "./divider.js";
import { Ink } from "./ink.js";
import { pack, unpack, wholeNumber } from "./link.js";
import { Pad } from "./pad.js";
import { digitButton, grow, inks, paint, paintLevels, show } from "./raster.js";
import { freshSeed, natsSentence } from "./words.js";

const COMPLETIONS = 8;
const MARGIN = 4; // the divider keeps this far from either end
const UPLOAD_LIMIT = 12e6; // bytes

export class DrawView {
  constructor(app, root) {
    this.app = app;
    this.root = root;
    this.label = null;
    this.seed = freshSeed();
    this.presets = [];
    this.answer = null;
    this.pad = new Pad(root.querySelector(".pad-frame"), () => this.#changed());
    this.pad.onstart = () => this.#started();
    this.refresh = newestOnly((request, stale) => this.#complete(request, stale));
    this.moveDivider = makeDivider(
      root.querySelector(".divider"),
      () => this.#range(),
      (rows) => this.#setRows(rows),
    );
    this.slots = Array.from({ length: COMPLETIONS }, () => this.#slot());
    root.querySelector(".completions").replaceChildren(...this.slots.map((slot) => slot.button));
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
    this.presets = [];
    this.root.querySelector(".posterior").hidden = !classes;
    this.bars = makeBars(this.root.querySelector(".posterior .bars"), classes, (digit) => this.#choose(digit));
    this.#paint();
    const name = this.app.name;
    const { levels } = await this.app.ask("presets", { model: name });
    if (name !== this.app.name) return;
    this.presets = levels;
    this.#showPresets();
    this.#changed();
  }

  show() {
    this.#changed();
  }

  hide() {}

  repaint() {
    this.#paint();
    this.#showPresets();
    this.#showAnswer(false);
  }

  state() {
    const ink = this.ink.empty ? null : pack(this.ink.levels(this.count).slice(0, this.rows), this.count);
    return { rows: this.rows, seed: this.seed, label: this.label, ink };
  }

  restore(query) {
    const { height, width, classes } = this.app.info;
    this.#setRows(wholeNumber(query.get("rows"), MARGIN, height - MARGIN) ?? this.rows);
    this.seed = wholeNumber(query.get("seed"), 0, 2 ** 53 - 1) ?? this.seed;
    this.#setLabel(wholeNumber(query.get("label"), 0, classes - 1));
    const levels = query.get("ink") && unpack(query.get("ink"), { height, width, count: this.count });
    if (levels) this.#fill(levels);
  }

  #range() {
    const { height } = this.app.info;
    return { low: MARGIN, high: height - MARGIN, rows: this.rows, height };
  }

  #slot() {
    const slot = digitButton();
    slot.button.disabled = true;
    slot.button.addEventListener("click", () => this.#watch(this.slots.indexOf(slot)));
    return slot;
  }

  #watch(index) {
    const { levels, labels, rows, model } = this.answer;
    this.app.watch({ levels: levels[index], label: labels?.[index] ?? null, rows, model });
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
    this.root.querySelector("[name=upload]").addEventListener("change", (event) => this.#upload(event.target));
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

  /** Take levels over as ink, to be undone like a stroke. */
  #fill(levels) {
    const top = levels.map((row) => row.map((level) => Math.round((255 * level) / (this.count - 1))));
    this.#take(top);
  }

  #take(inkRows) {
    this.ink.save();
    this.ink.fill(inkRows);
    this.#changed();
  }

  async #upload(input) {
    const [file] = input.files;
    input.value = "";
    if (!file) return;
    if (file.size > UPLOAD_LIMIT) {
      this.app.notify("This file is larger than 12 MB: choose a smaller picture.");
      return;
    }
    const answer = await this.app.ask("read_picture", { data: await base64(file), model: this.app.name });
    this.#setLabel(null);
    this.#take(answer.ink);
  }

  #showPresets() {
    const half = Math.floor(this.app.info.height / 2);
    const buttons = this.presets.map((levels, index) => {
      const { button, canvas, caption } = digitButton();
      button.setAttribute("aria-label", `Start from top half ${index + 1}`);
      caption.remove();
      paintLevels(canvas, levels.slice(0, half), { given: half, max: this.count - 1 });
      button.addEventListener("click", () => {
        this.#setLabel(null);
        this.#fill(levels.map((row, i) => (i < half ? row : row.map(() => 0))));
      });
      return button;
    });
    this.root.querySelector(".presets").replaceChildren(...buttons);
  }

  /** What is completed: the ink, or as long as there is none, the first preset as an invitation. */
  #levels() {
    return this.ink.empty ? this.presets[0] : this.ink.levels(this.count);
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
    this.refresh({ version: ink.version, ask: { levels, rows, label, seed, count: COMPLETIONS, model: this.app.name } });
  }

  async #complete(request, stale) {
    const answer = await this.app.ask("complete", request.ask);
    if (answer.model !== this.app.name) return;
    const calm = !this.pad.drawing && !stale();
    this.answer = { ...answer, label: request.ask.label };
    this.#showAnswer(calm);
    this.#paint();
    this.root.querySelector(".completions").dataset.version = request.version;
  }

  #showAnswer(calm) {
    if (!this.answer) return;
    const { levels, labels, nats, posterior, rows } = this.answer;
    this.slots.forEach(({ button, canvas, caption }, k) => {
      (calm ? grow : show)(canvas, levels[k], { given: rows, max: this.count - 1 });
      caption.textContent = labels ? `${labels[k]} · ${nats[k].toFixed(0)} nats` : `${nats[k].toFixed(0)} nats`;
      button.disabled = false;
      button.setAttribute("aria-label", `Completion ${k + 1}, ${caption.textContent}: watch it`);
    });
    this.bars.set(posterior);
    const told = this.answer.label;
    this.root.querySelector(".draw-explained").textContent = natsSentence(nats[0], "its half of the first one", told);
  }

  /** The pad: ink above, and below the mean of the completions, faint where they differ. */
  #paint() {
    const invited = this.ink.empty;
    this.pad.frame.classList.toggle("inviting", invited);
    if (invited && this.presets[0]) this.#paintInvitation();
    else this.pad.paint(this.ink, this.rows, this.count, this.#mean());
  }

  #paintInvitation() {
    const { cool, warm } = inks();
    const mean = this.#mean();
    paint(this.pad.canvas, this.ink.height, this.ink.width, (i, j) =>
      i < this.rows
        ? [cool, (0.4 * this.presets[0][i][j]) / (this.count - 1)]
        : mean && [warm, 0.4 * mean[i][j]],
    );
  }

  #mean() {
    if (!this.answer || this.answer.rows !== this.rows) return null;
    const { levels } = this.answer;
    const scale = 1 / (levels.length * (this.count - 1));
    return levels[0].map((row, i) =>
      row.map((_, j) => scale * levels.reduce((sum, image) => sum + image[i][j], 0)),
    );
  }
}

/** A file's bytes as base64. */
function base64(file) {
  return new Promise((done, fail) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => fail(reader.error);
    reader.readAsDataURL(file);
  });
}
