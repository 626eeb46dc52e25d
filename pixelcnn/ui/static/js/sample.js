// Sample: a grid of fresh digits.

import { newestOnly } from "./ask.js";
import { MAX_SEED, wholeNumber } from "./link.js";
import { digitButton, grow, paintLevels } from "./raster.js";
import { savePng } from "./save.js";
import { natsSentence } from "./words.js";

const ANY_HAND = "Any hand draws at any place and size, with any pen.";

export class SampleView {
  constructor(app, root) {
    this.app = app;
    this.root = root;
    this.form = root.querySelector("form");
    this.holder = root.querySelector(".samples");
    this.answer = null;
    this.refresh = newestOnly((request) => this.#sample(request));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.form.addEventListener("input", () => this.#showValues());
    // A seed that is shown gives way to a fresh one; a seed that was typed, or kept, is used.
    this.form.elements.seed.addEventListener("input", () => (this.seedShown = false));
    this.png = root.querySelector("[data-tool=png]");
    this.png.addEventListener("click", () => savePng(this.answer, this.app.info.levels));
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
    this.answer = null;
    this.holder.replaceChildren();
    if (this.app.view === this) this.#submit();
  }

  show() {
    if (!this.answer) this.#submit();
  }

  hide() {}

  repaint() {
    if (this.answer) this.#fill((canvas, levels, options) => paintLevels(canvas, levels, options));
  }

  state() {
    const settings = this.answer ? this.answer.settings : this.#settings();
    return { ...settings, freehand: settings.freehand || null };
  }

  restore(query) {
    const { elements } = this.form;
    const { classes } = this.app.info;
    elements.count.value = wholeNumber(query.get("count"), 1, 64) ?? 16;
    elements.label.value = wholeNumber(query.get("label"), 0, classes - 1) ?? "";
    const temperature = Number(query.get("temperature") ?? 1);
    elements.temperature.value = temperature >= 0 && temperature <= 1.5 ? temperature : 1;
    elements.seed.value = wholeNumber(query.get("seed"), 0, MAX_SEED) ?? "";
    this.seedShown = false;
    this.#setHand(query.get("freehand") === "true");
    this.#showValues();
  }

  /** A choice only for models that know both hands. */
  #setHand(freehand) {
    const choice = this.form.elements.freehand;
    choice.parentElement.hidden = !this.app.info.freehand;
    choice.value = String(freehand && this.app.info.freehand);
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

  #submit() {
    this.refresh({ ...this.#settings(), model: this.app.name });
  }

  async #sample(request) {
    this.#explain("Drawing …");
    const answer = await this.app.ask("sample", request);
    if (answer.model !== this.app.name) return;
    const { model, ...settings } = request;
    this.answer = { ...answer, settings: { ...settings, seed: answer.seed } };
    this.form.elements.seed.value = this.answer.seed;
    this.seedShown = request.seed === null;
    this.#fill(grow);
    this.holder.dataset.seed = this.answer.seed;
  }

  #fill(painter) {
    const { levels, labels, nats, freehand } = this.answer;
    const max = this.app.info.levels - 1;
    this.holder.classList.toggle("many", levels.length > 16);
    this.holder.classList.toggle("few", levels.length <= 4);
    this.holder.replaceChildren(
      ...levels.map((image, k) => {
        const { button, canvas, caption } = digitButton();
        painter(canvas, image, { max });
        caption.textContent = `${nats[k].toFixed(0)} nats`;
        const name = labels ? `a ${labels[k]}` : "digit";
        button.setAttribute(
          "aria-label",
          `Sample ${k + 1}, ${name}, ${caption.textContent}: watch it`,
        );
        button.addEventListener("click", () => this.#watch(k));
        return button;
      }),
    );
    this.png.disabled = false;
    const mean = nats.reduce((sum, each) => sum + each, 0) / nats.length;
    this.#explain(
      `On average ${natsSentence(mean, "one of these")} Rarer shapes cost more. ` +
        (freehand ? ANY_HAND : ""),
    );
  }

  #explain(sentence) {
    this.root.querySelector(".sample-explained").textContent = sentence;
  }

  #watch(k) {
    const { levels, labels, freehand, model } = this.answer;
    this.app.watch({ levels: levels[k], label: labels?.[k] ?? null, rows: 0, freehand, model });
  }
}
