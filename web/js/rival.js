// What another model makes of a question that the one that is chosen has answered: see `compare.js`.

import { allDiffer, answers, Completions, scarcity } from "./completions.js";
import { Grid } from "./grid.js";
import { toLevels } from "./ink.js";
import { newestOnly } from "./newest.js";
import { Posterior } from "./posterior.js";
import { setText } from "./raster.js";
import { natsSentence } from "./words.js";
import { Work } from "./work.js";

const LANE = "rival"; // of the engine: its requests leave those to the chosen model alone

class Rival {
  /** `holder` takes `markup`, below the model's name; in it, `.digits` are the results. */
  constructor(app, holder, { name, info, kind }, markup) {
    Object.assign(this, { app, holder, name, info, kind, closed: false });
    holder.innerHTML = `<p class="rival-name"></p>${markup}`;
    this.find(".rival-name").textContent = app.title(name);
    this.work = new Work(app.trouble, this.find(".digits"), this.find(".explained"));
    this.ask = newestOnly((question) => this.closed || this.answer(question));
  }

  find(selector) {
    return this.holder.querySelector(selector);
  }

  say(sentence) {
    setText(this.find(".explained"), sentence);
  }

  /** What `draw()` resolves to, once the weights are here; null where it is no longer wanted. */
  async drawn(draw) {
    const { models } = this.app;
    const fetched = models.ready(this.name);
    const sentence = models.isReady(this.name) ? null : `Fetching ${this.app.title(this.name)} …`;
    const answer = await this.work.run(
      fetched.then(() => (this.closed ? null : draw())),
      sentence,
    );
    return this.closed ? null : answer;
  }

  watch(sample, { rows = 0, freehand }) {
    const { levels, label } = sample;
    this.app.watch({ levels, label, rows, freehand, model: this.name });
  }

  close() {
    this.closed = true;
    this.work.close();
    this.app.engine.cancel(this.kind, LANE);
    this.holder.replaceChildren();
  }
}

/** Completions of a drawing, and which digit it is. */
export class Drawing extends Rival {
  #answered = null;

  /** `choose(digit)` is called for a bar that was pressed. */
  constructor(app, holder, { name, info, choose }) {
    super(
      app,
      holder,
      { name, info, kind: "complete" },
      `<div class="completions digits" role="group" aria-label="Completions by the other model"></div>
       <div class="posterior"><h2></h2><p class="quiet-text"></p>
         <div class="bars" role="group" aria-label="Probability of each digit to the other model"></div></div>
       <p class="quiet-text explained"></p>`,
    );
    this.completions = new Completions(
      this.find(".completions"),
      app.toWatch((sample) => this.watch(sample, { rows: sample.rows, freehand: info.freehand })),
    );
    this.posterior = new Posterior(this.find(".posterior"), choose);
    this.posterior.setModel(info);
  }

  /** `ink` 0..255 instead of levels, of which each model has its own. */
  async answer({ ink, version, ...question }) {
    const { info, name: model } = this;
    const label = info.classes ? question.label : null;
    const levels = toLevels(ink, info.levels).fill(0, question.rows * info.width);
    const ask = { ...question, model, levels, label, freehand: info.freehand };
    if (!this.#answered || !answers(this.#answered, ask)) {
      this.#fade(ask);
      const answer = await this.drawn(() => this.#draw(ask));
      if (!answer) return;
      const distinct = ask.distinct || allDiffer(answer.samples);
      this.#answered = { ...ask, distinct };
      this.#tell(answer, ask);
    }
    this.completions.refresh();
    this.posterior.press(label);
    this.find(".completions").dataset.version = version;
  }

  /** What other choices brought is faint until those of these are there. */
  #fade({ label, seed, temperature }) {
    const choice = `${label} ${seed} ${temperature}`;
    if (this.choice !== choice) this.completions.fade();
    this.choice = choice;
  }

  #draw(ask) {
    this.#answered = null;
    return this.app.engine.complete(
      { ...ask, lane: LANE },
      (sample) => this.#add(sample, ask),
      (known) => this.closed || this.posterior.show(known),
    );
  }

  #add(sample, { rows, distinct }) {
    if (!this.closed) this.completions.add(sample, { info: this.info, rows, calm: distinct });
  }

  #tell({ samples }, { rows, label, distinct, temperature }) {
    const found = distinct ? this.completions.settle(samples, { info: this.info, rows }) : null;
    const { nats } = this.completions.first;
    const few = found ? scarcity(found, temperature) : "";
    this.say(few + natsSentence(nats, "its half of the first one", label));
  }

  repaint() {
    this.completions.repaint(this.info);
  }
}

/** Digits of the same seed. */
export class Samples extends Rival {
  constructor(app, holder, { name, info }) {
    super(
      app,
      holder,
      { name, info, kind: "sample" },
      `<p class="quiet-text explained"></p>
       <div class="samples digits" role="group" aria-label="Digits sampled by the other model"></div>`,
    );
    this.grid = new Grid(
      this.find(".samples"),
      app.toWatch((sample) => this.watch(sample, sample)),
    );
  }

  async answer({ count, label, temperature, seed, freehand }) {
    const { info, name: model } = this;
    const ask = { model, count, temperature, seed, label: info.classes ? label : null };
    ask.freehand = info.freehand && freehand;
    this.grid.fade();
    const answer = await this.drawn(() => {
      this.grid.layOut(count);
      return this.app.engine.sample({ ...ask, lane: LANE }, (sample) => {
        if (!this.closed) this.grid.fill({ ...sample, freehand: ask.freehand }, info);
      });
    });
    if (!answer) return;
    const mean = answer.samples.reduce((sum, { nats }) => sum + nats, 0) / count;
    const untold = label !== null && !info.classes;
    this.say(
      `On average ${natsSentence(mean, "one of these")} ` +
        (untold ? "It knows no digits by name, so it drew any." : ""),
    );
    this.find(".samples").dataset.seed = seed;
  }

  repaint() {
    this.grid.repaint(this.info);
  }
}
