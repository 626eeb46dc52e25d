// Sample: a grid of fresh digits.

import { Compare } from "./compare.js";
import { Grid } from "./grid.js";
import { MAX_SEED, temperatureOf, wholeNumber } from "./link.js";
import { saveGrid } from "./save.js";
import { freshSeed, natsSentence } from "./words.js";
import { Work } from "./work.js";

const ANY_HAND = "Any hand draws at any place and size, with any pen.";

export class SampleView {
  constructor(app, root) {
    this.app = app;
    this.root = root;
    this.form = root.querySelector("form");
    this.holder = root.querySelector(".samples");
    this.grid = new Grid(
      this.holder,
      app.toWatch((sample) => this.#watch(sample)),
    );
    this.compare = new Compare(app, root, "Samples");
    this.pending = null; // the request that is not answered yet
    this.answer = null; // {samples, seed, request}
    this.again = null; // the seed that an address brought, until it is drawn
    this.work = new Work(app.trouble, this.holder, root.querySelector(".sample-explained"));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#ask(this.#request());
    });
    this.form.addEventListener("input", () => this.#showValues());
    // A seed that is shown gives way to a fresh one; a seed that was typed, or kept, is used.
    this.form.elements.seed.addEventListener("input", () => {
      this.seedShown = false;
      this.again = null;
    });
    this.form.addEventListener("input", () => this.#fade());
    this.png = root.querySelector("[data-tool=png]");
    this.png.addEventListener("click", () => saveGrid(this.answer, this.app.info));
    this.#showValues();
  }

  setModel() {
    const digits = Array.from(
      { length: this.app.info.classes },
      (_, digit) => new Option(digit, digit),
    );
    this.form.elements.label.replaceChildren(new Option("any", ""), ...digits);
    this.form.elements.label.disabled = !digits.length;
    this.#setHand(this.form.elements.freehand.value === "true");
    this.pending = this.answer = null;
    this.work.drop();
    this.png.disabled = true;
    this.grid.clear();
    this.compare.setModel();
    if (this.app.view === this) this.show();
  }

  /** Draw, unless there are digits; what was asked for and dropped is asked for again. */
  show() {
    this.compare.show();
    if (this.work.busy || (this.answer && !this.pending)) return;
    this.#ask(this.pending ?? this.#request());
  }

  hide() {}

  repaint() {
    this.grid.repaint(this.app.info);
    this.compare.repaint();
  }

  state() {
    const { model, ...settings } = this.answer?.request ?? this.#asked();
    return { ...settings, freehand: settings.freehand || null, compare: this.compare.state() };
  }

  restore(query) {
    const { elements } = this.form;
    const { classes } = this.app.info;
    elements.count.value = wholeNumber(query.get("count"), 1, 64) ?? 16;
    elements.label.value = wholeNumber(query.get("label"), 0, classes - 1) ?? "";
    elements.temperature.value = temperatureOf(query);
    this.again = wholeNumber(query.get("seed"), 0, MAX_SEED);
    elements.seed.value = this.again ?? "";
    this.seedShown = true;
    this.#setHand(query.get("freehand") === "true");
    this.#showValues();
    this.compare.restore(query.get("compare"));
    const { request } = this.answer ?? {};
    const asked = Object.entries(this.#asked());
    const same = asked.every(([name, value]) => value === request?.[name]);
    if (same && !this.pending) this.again = null;
    else this.answer = null;
    this.#drop();
  }

  /** A choice only for models that know both hands. */
  #setHand(freehand) {
    const choice = this.form.elements.freehand;
    choice.parentElement.hidden = !this.app.info.freehand;
    choice.value = String(freehand && this.app.info.freehand);
  }

  /** Nothing is waited for any more. */
  #drop() {
    if (this.pending) this.app.engine.cancel("sample");
    this.pending = null;
    this.work.drop();
  }

  #showValues() {
    for (const name of ["count", "temperature"]) {
      const input = this.form.elements[name];
      input.parentElement.querySelector("output").textContent = input.value;
    }
  }

  #settings() {
    const { count, label, temperature, freehand, seed, keep } = this.form.elements;
    return {
      count: Number(count.value),
      label: label.value === "" ? null : Number(label.value),
      temperature: Number(temperature.value),
      freehand: freehand.value === "true",
      seed: seed.value === "" || (this.seedShown && !keep.checked) ? null : Number(seed.value),
    };
  }

  /** The settings, and the seed that an address brought. */
  #asked() {
    const settings = this.#settings();
    return { ...settings, seed: this.again ?? settings.seed };
  }

  /** What to draw; `given` tells whether someone typed the seed, or wants to keep it. */
  #request() {
    const settings = this.#asked();
    const given = this.#settings().seed !== null;
    return { ...settings, seed: settings.seed ?? freshSeed(), given, model: this.app.name };
  }

  async #ask(asked) {
    const { given, ...request } = asked;
    this.pending = asked;
    this.again = null;
    this.grid.fade();
    this.holder.classList.remove("stale");
    const answer = await this.work.run(this.#draw(request), "Drawing …");
    if (!answer || this.pending !== asked) return;
    this.pending = null;
    this.answer = { ...answer, request };
    this.form.elements.seed.value = request.seed;
    this.seedShown = !given;
    this.#tell();
    this.#fade();
    this.holder.dataset.seed = request.seed;
    this.app.history.note();
    this.compare.ask(request);
  }

  async #draw(request) {
    const current = () => request.model === this.app.name;
    await this.app.models.ready(request.model);
    if (!current()) return null;
    this.grid.layOut(request.count);
    return this.app.engine.sample(request, (sample) => {
      if (current()) this.grid.fill({ ...sample, freehand: request.freehand }, this.app.info);
    });
  }

  /** Digits that were drawn by other settings than those that stand above them are faint. */
  #fade() {
    if (!this.answer || this.work.busy) return;
    const { request } = this.answer;
    const settings = { ...this.#settings(), model: this.app.name };
    settings.seed ??= request.seed;
    const stale = Object.keys(settings).some((key) => settings[key] !== request[key]);
    if (stale === this.holder.classList.contains("stale")) return;
    this.holder.classList.toggle("stale", stale);
    if (stale) this.#explain("These are of other settings: press Sample for new ones.");
    else this.#tell();
  }

  #tell() {
    const { samples, request } = this.answer;
    this.png.disabled = false;
    const mean = samples.reduce((sum, { nats }) => sum + nats, 0) / samples.length;
    this.#explain(
      `On average ${natsSentence(mean, "one of these")} Rarer shapes cost more. ` +
        (request.freehand ? ANY_HAND : ""),
    );
  }

  #explain(sentence) {
    this.root.querySelector(".sample-explained").textContent = sentence;
  }

  #watch({ levels, label, freehand }) {
    this.app.watch({ levels, label, rows: 0, freehand, model: this.app.name });
  }
}
