// Draw: the upper part is yours, and while the pen moves, eight completions follow.

import { Compare } from "./compare.js";
import { allDiffer, answers, COMPLETIONS, Completions, scarcity } from "./completions.js";
import { makeDivider } from "./divider.js";
import { Ink, inkOf, toLevels } from "./ink.js";
import { MAX_SEED, pack, temperatureOf, unpack, wholeNumber } from "./link.js";
import { newestOnly } from "./newest.js";
import { Pad } from "./pad.js";
import { Posterior } from "./posterior.js";
import { setAttribute, setText } from "./raster.js";
import { saveDrawing } from "./save.js";
import { Starts } from "./starts.js";
import { Tools } from "./tools.js";
import { completedSentence, freshSeed, natsSentence } from "./words.js";
import { Work } from "./work.js";

const MARGIN = 4; // the divider keeps this far from either end
const FAINT = 0.4; // of the invitation
const FETCHING = "Fetching the model; you may draw already …";

export class DrawView {
  constructor(app, root) {
    this.app = app;
    this.root = root;
    this.label = null;
    this.seed = freshSeed();
    this.temperature = 1;
    this.answered = null; // the request whose completions, `samples`, are all shown
    this.settled = false; // whether they are in order
    this.marks = {}; // see `#mark`
    this.starts = new Starts(app, root.querySelector(".starts"), (ink) => {
      this.#start(ink);
      this.pad.frame.scrollIntoView({ block: "nearest" }); // on a phone it is far above them
    });
    this.pad = new Pad(root.querySelector(".pad-frame"), () => this.#changed());
    this.pad.onstart = () => this.#started();
    this.refresh = newestOnly((request) => this.#complete(request));
    this.moveDivider = makeDivider(
      root.querySelector(".divider"),
      () => this.#range(),
      (rows) => this.#setRows(rows),
    );
    this.holder = root.querySelector(".completions");
    this.words = root.querySelector(".draw-explained");
    this.posterior = new Posterior(root.querySelector(".posterior"), (digit) =>
      this.#choose(digit),
    );
    const watch = app.toWatch((sample) => this.#watch(sample));
    this.completions = new Completions(this.holder, watch);
    root.querySelector(".watch-hint").hidden = !watch;
    this.work = new Work(app.trouble, this.holder, this.words);
    this.compare = new Compare(app, root, "Drawing", { choose: (digit) => this.#choose(digit) });
    this.tools = this.#makeTools();
  }

  /** Start afresh, or go on with the same ink, for the model now chosen. */
  setModel() {
    const { height, width } = this.app.info;
    if (this.ink?.height !== height || this.ink?.width !== width) {
      this.ink = this.pad.ink = new Ink(height, width);
      this.rows = this.pad.rows = Math.floor(height / 2);
    }
    this.label = null;
    this.#forget();
    this.posterior.setModel(this.app.info);
    this.starts.setModel();
    this.compare.setModel();
    this.#changed();
  }

  show() {
    this.#changed();
    this.compare.show();
  }

  hide() {}

  repaint() {
    this.starts.repaint();
    this.completions.repaint(this.app.info);
    this.compare.repaint();
    this.#paint();
  }

  /**
   * The drawing, and how it is to go on. Rows below the divider are not part of the question. `own` tells
   * whether the visitor drew it.
   */
  get question() {
    const { rows, seed, label, temperature } = this;
    const { name: model, info } = this.app;
    const levels = this.#levels().fill(0, rows * info.width);
    const { freehand } = info;
    const ask = { model, levels, rows, seed, label, temperature, count: COMPLETIONS, freehand };
    return { own: !this.ink.empty, ask };
  }

  state() {
    const { levels: count } = this.app.info;
    const { ink, rows, seed, label } = this;
    const temperature = this.temperature === 1 ? null : this.temperature;
    const packed = pack(ink.levels(count), count);
    return { rows, seed, label, temperature, ink: packed, compare: this.compare.state() };
  }

  restore(query) {
    const { height, classes, levels: count } = this.app.info;
    // The ink that is here may have shades that the address does not tell.
    const packed = query.get("ink") ?? "";
    const levels = packed !== this.state().ink && unpack(packed, this.app.info);
    if (levels) this.#start(inkOf(levels, count));
    this.compare.restore(query.get("compare"));
    this.seed = wholeNumber(query.get("seed"), 0, MAX_SEED) ?? this.seed;
    this.temperature = temperatureOf(query);
    this.#setLabel(wholeNumber(query.get("label"), 0, classes - 1));
    this.#setRows(wholeNumber(query.get("rows"), MARGIN, height - MARGIN) ?? this.rows);
  }

  #range() {
    const { height } = this.app.info;
    return { low: MARGIN, high: height - MARGIN, rows: this.rows, height };
  }

  #watch({ levels, label, rows }) {
    const { name: model, info } = this.app;
    this.app.watch({ levels, label, rows, freehand: info.freehand, model });
  }

  #makeTools() {
    const changing = (action) => () => {
      action();
      this.#changed();
    };
    return new Tools(this.root, {
      undo: changing(() => this.ink.undo()),
      redo: changing(() => this.ink.redo()),
      clear: changing(() => this.#clear()),
      more: changing(() => {
        this.seed = freshSeed();
      }),
      save: () => this.#save(),
      eraser: changing(() => {
        this.pad.erase = !this.pad.erase;
      }),
      pen: (size) => {
        this.pad.size = size;
      },
      temperature: (value) => {
        this.temperature = value;
        this.#changed();
      },
    });
  }

  /** Keep what is on the screen as a picture. */
  #save() {
    const { app, rows, seed, completions } = this;
    const mean = completions.mean(app.info, rows);
    const shown = { levels: this.#levels(), rows, mean, samples: completions.samples };
    saveDrawing({ ...shown, model: app.name, seed }, app.info);
  }

  #clear() {
    this.ink.begin();
    this.ink.clear();
    this.#setLabel(null);
  }

  #started() {
    if (this.ink.empty) this.#forget(); // the invitation gives way
  }

  #forget() {
    this.answered = null;
    this.completions.clear();
    this.app.engine.cancel("complete");
  }

  #choose(digit) {
    this.#setLabel(this.label === digit ? null : digit);
    this.#changed();
  }

  #setLabel(label) {
    this.label = label;
    this.posterior.press(label);
  }

  #setRows(rows) {
    this.rows = this.pad.rows = rows;
    this.#changed();
  }

  /** Take ink over, to be undone like a stroke. */
  #start(ink) {
    this.#setLabel(null);
    this.ink.begin();
    this.ink.fill(ink);
    this.#changed();
  }

  /** What is completed, 0..255: the ink, or as long as there is none, the first preset as an invitation. */
  #given() {
    return this.ink.empty ? this.starts.first : this.ink.values;
  }

  #levels() {
    return toLevels(this.#given(), this.app.info.levels);
  }

  #changed() {
    const { ink, temperature } = this;
    this.tools.show(ink, { erase: this.pad.erase, temperature });
    setAttribute(this.pad.canvas, "data-version", String(ink.version));
    this.moveDivider();
    this.#paint();
    this.app.history.note();
    if (this.app.view !== this) return;
    const { ask } = this.question;
    this.#fade(ask);
    this.app.announcer.hush();
    // Others in place of those that look alike are looked for once the pen is lifted.
    const given = this.#given().slice();
    this.refresh({ version: ink.version, given, ask: { ...ask, distinct: !this.pad.drawing } });
  }

  /** What other choices brought is faint until those of these are there. */
  #fade({ levels, rows, ...others }) {
    const choice = JSON.stringify(others);
    if (this.choice !== choice) this.completions.fade();
    this.choice = choice;
  }

  async #complete({ version, given, ask }) {
    // A move that fills no further pixel asks for nothing new.
    if (!this.answered || !answers(this.answered, ask)) {
      const sentence = this.app.models.isReady(ask.model) ? null : FETCHING;
      const answer = await this.work.run(this.#ask(ask, version), sentence);
      if (!answer || ask.model !== this.app.name) return;
      const { samples } = answer;
      const answered = { ...ask, distinct: ask.distinct || allDiffer(samples) };
      Object.assign(this, { answered, samples, settled: false });
    }
    if (!this.settled) this.#explain();
    this.completions.refresh();
    if (this.settled && !this.ink.empty) this.#announce();
    this.#mark({ begun: version, version });
    this.compare.ask({ ...ask, ink: given, version });
  }

  /** Put the question to the engine, once it has the weights. Null if another model is chosen meanwhile. */
  async #ask(ask, version) {
    await this.app.models.ready(ask.model);
    if (ask.model !== this.app.name) return null;
    this.answered = null; // its completions give way, one by one
    return this.app.engine.complete(
      ask,
      (sample) => this.#add(sample, ask, version),
      (known) => ask.model === this.app.name && this.posterior.show(known),
    );
  }

  /** Show a completion as soon as it is drawn. */
  #add(sample, { model, rows }, version) {
    if (model !== this.app.name) return;
    this.completions.add(sample, { info: this.app.info, rows, calm: !this.pad.drawing });
    this.#mark({ begun: version });
  }

  /** Say what the answer cost; and put it in order once the pen is lifted. */
  #explain() {
    let few = "";
    if (!this.pad.drawing) {
      const { rows, temperature } = this.answered;
      const found = this.completions.settle(this.samples, { info: this.app.info, rows });
      few = scarcity(found, temperature);
      this.settled = true;
    }
    const { nats } = this.completions.first;
    const words = few + natsSentence(nats, "its half of the first one", this.answered.label);
    setText(this.words, words);
  }

  #announce() {
    const { label, nats } = this.completions.first;
    this.app.announcer.say(completedSentence({ label, nats, reading: this.posterior.reading }));
  }

  /** Of which version of the ink a completion (`begun`) or all of them (`version`) are on the screen. */
  #mark(versions) {
    Object.assign(this.marks, versions);
    this.#paint();
  }

  /** The pad, once a frame: ink above, and below the mean of the completions, faint where they differ. */
  #paint() {
    if (this.painting) return;
    this.painting = true;
    requestAnimationFrame(() => {
      this.painting = false;
      const { info } = this.app;
      const invited = this.ink.empty;
      this.pad.frame.classList.toggle("inviting", invited);
      const mean = this.completions.mean(info, this.rows);
      this.pad.paint(this.#levels(), info, this.rows, mean, invited ? FAINT : 1);
      Object.assign(this.holder.dataset, this.marks);
    });
  }
}
