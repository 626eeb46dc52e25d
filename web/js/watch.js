// Watch: a digit appears pixel by pixel, beside what the model expected.

import { makeBars } from "./bars.js";
import { PixelCursor } from "./cursor.js";
import { drawCurve, runningNats } from "./curve.js";
import { FIELD_WORDS, paintField, receptiveField } from "./field.js";
import { ownKey } from "./keyboard.js";
import { pack, unpack, wholeNumber } from "./link.js";
import { Player } from "./player.js";
import { inks, lessMotion, paint, paintLevels, setText } from "./raster.js";
import { saveGif, saveSvg } from "./save.js";
import { freshSeed, pixelSentence } from "./words.js";
import { Work } from "./work.js";

const COMING = "A digit is on its way …";

export class WatchView {
  constructor(app, root) {
    this.app = app;
    this.root = root;
    this.trace = null;
    this.wanted = null; // what is asked for, until it is there
    this.player = new Player(() => this.#paint());
    this.soFar = root.querySelector(".so-far");
    this.expected = root.querySelector(".expected");
    this.scrubber = root.querySelector(".scrubber");
    this.field = root.querySelector("[name=field]");
    this.work = new Work(
      app.trouble,
      root.querySelector(".stage"),
      root.querySelector(".watch-explained"),
    );
    this.#wireControls();
    this.cursor = new PixelCursor(
      [this.soFar, this.expected],
      () => ({ ...this.app.info, end: this.player.index }),
      () => this.#paint(),
    );
    new ResizeObserver(() => this.#paint()).observe(root.querySelector(".curve"));
  }

  setModel() {
    const { classes } = this.app.info;
    this.sight = receptiveField(this.app.info);
    this.root.querySelector(".watch-posterior").hidden = !classes;
    this.bars = makeBars(this.root.querySelector(".watch-posterior .bars"), classes);
    this.trace = this.wanted = this.asked = null;
    this.work.drop();
    if (this.app.view === this) this.#another();
  }

  show() {
    const { asked } = this;
    if (asked) this.#open(asked);
    else if (!this.trace && !this.wanted) this.#another();
    else this.#paint();
  }

  hide() {
    this.player.pause();
  }

  /** The digit comes in sight, and space plays and pauses. */
  enter() {
    this.#button("play").focus({ preventScroll: true });
    this.reveal();
  }

  /** The digit comes in sight. */
  reveal() {
    this.root.querySelector(".screen").scrollIntoView({ block: "nearest", behavior: "instant" });
  }

  repaint() {
    this.#paint();
  }

  state() {
    const { levels, rows, label, freehand } = this.asked ?? this.trace ?? {};
    const digit = levels && pack(levels, this.app.info.levels);
    return { digit, rows, label, freehand: freehand || null };
  }

  /** Another digit than the one that is shown is opened when the view is. */
  restore(query) {
    const { height, classes, freehand } = this.app.info;
    const digit = query.get("digit");
    const levels = digit && unpack(digit, this.app.info);
    const request = {
      levels,
      rows: wholeNumber(query.get("rows"), 0, height) ?? 0,
      label: wholeNumber(query.get("label"), 0, classes - 1),
      freehand: freehand && query.get("freehand") === "true",
      model: this.app.name,
    };
    this.wanted = null;
    this.work.drop();
    this.asked = levels && !same(this.trace, request) ? request : null;
  }

  /** What to trace when the view is opened. */
  ask(request) {
    this.asked = request;
  }

  /** Trace an image, and play it from its first drawn row on. */
  async #open(request) {
    this.asked = request;
    this.player.pause();
    const { freehand } = request;
    const trace = await this.work.run(this.#newest("trace", request), COMING);
    if (!trace || this.app.view !== this) return; // it is asked for again when the view is opened
    this.asked = null;
    this.trace = { ...trace, freehand };
    this.app.history.note();
    this.sums = runningNats(trace);
    const total = trace.levels.length;
    this.scrubber.max = total;
    this.player.load(total, trace.rows * this.app.info.width);
    if (lessMotion()) this.player.seek(total);
    else this.player.play();
  }

  /** Draw a digit of the model's own, and open it; `opened()` is called as soon as it is known. */
  async #another(opened = null) {
    const { name: model } = this.app;
    const request = { count: 1, seed: freshSeed(), model };
    const answer = await this.work.run(this.#newest("sample", request), COMING);
    if (!answer) return;
    const [{ levels, label }] = answer.samples;
    const digit = { levels, label, rows: 0, freehand: false, model };
    if (this.app.view !== this) return this.ask(digit);
    this.app.history.keep();
    const opening = this.#open(digit);
    opened?.();
    return opening;
  }

  /** The answer; null if something else is asked for, or the model changes, before it comes. */
  async #newest(kind, request) {
    this.wanted = request;
    try {
      await this.app.models.ready(request.model);
      if (this.wanted !== request) return null;
      const answer = await this.app.engine[kind](request);
      return this.wanted === request ? answer : null;
    } finally {
      if (this.wanted === request) this.wanted = null;
    }
  }

  #wireControls() {
    const { player } = this;
    const actions = {
      restart: () => player.seek(player.start),
      back: () => player.step(-1),
      play: () => player.toggle(),
      forward: () => player.step(1),
      new: () => this.#another(() => this.app.history.push()),
      gif: () => this.trace && saveGif(this.trace, this.app.info),
      svg: () => this.trace && saveSvg(this.trace, this.app.info),
    };
    for (const [name, action] of Object.entries(actions)) {
      this.#button(name).addEventListener("click", action);
    }
    this.root.querySelector("[name=speed]").addEventListener("change", (event) => {
      player.speed = Number(event.target.value);
    });
    this.scrubber.addEventListener("input", () => player.seek(Number(this.scrubber.value)));
    this.field.addEventListener("change", () => this.#paint());
    this.root.addEventListener("keydown", (event) => this.#key(event));
  }

  #button(name) {
    return this.root.querySelector(`[data-player=${name}]`);
  }

  #key(event) {
    const key = ownKey(event);
    const { tagName, type } = event.target;
    if (tagName === "SELECT" || (key === " " && (tagName === "BUTTON" || type === "checkbox"))) {
      return;
    }
    const width = this.app.info.width;
    const keys = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -width, ArrowDown: width };
    if (key === " ") this.player.toggle();
    else if (Object.hasOwn(keys, key)) this.player.step(keys[key]);
    else return;
    event.preventDefault();
  }

  #paint() {
    if (!this.trace) return;
    const { trace, player } = this;
    const { info } = this.app;
    const index = player.index;
    const { warm } = inks();
    const given = trace.rows * info.width;
    paintLevels(this.soFar, trace.levels, info, { given: trace.rows, end: index });
    paint(this.expected, info, (at) =>
      at >= given && at < index ? warm[Math.round(255 * trace.expected[at])] : 0,
    );
    const shown = this.cursor.index ?? Math.max(0, index - 1);
    this.#mark(shown);
    const overlay = this.root.querySelector(".overlay");
    paintField(overlay, this.field.checked ? this.sight : null, info, shown);
    const { classes } = info;
    this.bars.set(trace.digits?.subarray(index * classes, (index + 1) * classes));
    this.scrubber.value = index;
    this.scrubber.setAttribute(
      "aria-valuetext",
      `${index} pixels, ${this.sums[index].toFixed(1)} nats`,
    );
    drawCurve(this.root.querySelector(".nats-curve"), this.sums, index);
    this.#button("play").textContent = player.playing ? "Pause" : "Play";
    this.#say(shown, index);
  }

  #say(shown, index) {
    const readout = this.root.querySelector(".readout");
    const steady = !this.player.playing || this.cursor.index !== null;
    readout.setAttribute("aria-live", steady ? "polite" : "off");
    const sentence = index ? pixelSentence(this.trace, this.app.info, shown) : "nothing drawn yet";
    setText(readout, sentence); // the same again would be read out again
    const nats = this.sums[index];
    this.root.querySelector(".watch-explained").textContent =
      `${nats.toFixed(1)} nats so far, ${this.sums.at(-1).toFixed(1)} in all: the steeper the curve, ` +
      `the more surprising the pixel. ${this.field.checked ? FIELD_WORDS : ""}`;
  }

  #mark(index) {
    const { height, width } = this.app.info;
    for (const mark of this.root.querySelectorAll(".pixel-mark")) {
      mark.hidden = false;
      mark.style.left = `${(100 * (index % width)) / width}%`;
      mark.style.top = `${(100 * Math.floor(index / width)) / height}%`;
      mark.style.width = `${100 / width}%`;
      mark.style.height = `${100 / height}%`;
    }
  }
}

/** Whether a trace is of what is asked for. */
function same(trace, { levels, rows, label, freehand }) {
  if (!trace || trace.rows !== rows || trace.freehand !== freehand) return false;
  if (label !== null && label !== trace.label) return false;
  return levels.every((level, at) => level === trace.levels[at]);
}
