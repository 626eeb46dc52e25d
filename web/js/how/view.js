// How it works, alive: figures about the visitor's own drawing. Loaded when the view is opened first.

import { mixtureNats } from "../../engine/mixture.js";
import { parseJson, readConfig, Unreachable } from "../../engine/tensors.js";
import { readText } from "../models.js";
import { paintLevels, setText } from "../raster.js";
import { Work } from "../work.js";
import { ARTICLE } from "./article.js";
import { showBlocks } from "./blocks.js";
import { make } from "./dom.js";
import { BitsFigure, MixtureFigure } from "./nats.js";
import { RowFigure } from "./rows.js";
import { SightFigure } from "./sight.js";
import { Stepper } from "./stepper.js";
import { Subject } from "./subject.js";
import { showTraining } from "./training.js";

const NO_ENGINE =
  "The figures about your drawing need the model in your browser, which lacks WebAssembly SIMD: update it, or use another one.";

export class Article {
  #asked = null; // what the figures are about, or are going to be
  #told = null; // of which model the figures about networks and weights are

  constructor(app, root) {
    Object.assign(this, { app, root });
    root.innerHTML = ARTICLE;
    this.places = Object.fromEntries(
      [...root.querySelectorAll("[data-figure]")].map((place) => [place.dataset.figure, place]),
    );
    const { stepper, rows, sight, bits, mixture, thumb } = this.places;
    this.figures = [
      new Stepper(stepper),
      new RowFigure(rows),
      new BitsFigure(bits),
      new MixtureFigure(mixture),
    ];
    this.sight = new SightFigure(sight);
    this.thumb = make("canvas", {
      className: "pixels",
      role: "img",
      "aria-label": "The digit that the figures are about",
    });
    thumb.append(this.thumb);
    this.notice = root.querySelector(".how-notice");
    this.work = new Work(app.trouble, root, this.notice);
    new ResizeObserver(() => this.repaint()).observe(rows);
  }

  /** Show what the figures are about now. */
  async show() {
    await Promise.all([this.#showModel(), this.#showDrawing()]);
  }

  hide() {
    for (const figure of this.figures) figure.stop?.();
  }

  repaint() {
    this.sight.repaint();
    if (!this.subject) return;
    this.#paintThumb();
    for (const figure of this.figures) figure.repaint?.();
  }

  async #showDrawing() {
    const { app } = this;
    const { own, ask } = app.views.draw.question;
    const key = JSON.stringify([own, { ...ask, levels: [...ask.levels] }]);
    if (this.#asked === key) return;
    this.#asked = key;
    if (!app.engine.follow) {
      setText(this.notice, NO_ENGINE);
      return;
    }
    const asking = this.#ask(ask, () => this.#asked === key);
    try {
      const told = await this.work.run(asking, "The model draws …");
      if (told && this.#asked === key) this.#fill(new Subject(app.info, { own, ...told }), ask);
    } catch (error) {
      if (this.#asked === key) this.#asked = null; // the next look tries again
      throw error;
    }
  }

  /** What the engine tells of a drawing and of the digit that it becomes; null if it is not wanted any more. */
  async #ask(ask, wanted) {
    const { engine, models, info } = this.app;
    await models.ready(ask.model);
    const told = wanted() && (await engine.follow(ask));
    if (!told || !wanted()) return null;
    const whole = await engine.posterior({ ...ask, levels: told.levels, rows: info.height });
    return whole && { ...told, given: mixtureNats(told.logProbs), whole };
  }

  #fill(subject, { temperature }) {
    this.subject = subject;
    const { own, rows, label, seed } = subject;
    const what = own ? "your drawing" : "a first example, as your pad is empty";
    const plain = temperature === 1 ? "" : ", here at temperature 1";
    const digit = label === null ? "" : ` It drew a ${label}.`;
    setText(
      this.places.about,
      `The figures are about ${what}: ${rows} rows are given, the model draws the others by the dice of seed ${seed}${plain}.${digit} ` +
        `Draw something else, or move the divider, and they follow.`,
    );
    for (const figure of this.figures) figure.show(subject);
    this.#paintThumb();
    this.root.dataset.seed = seed;
  }

  #paintThumb() {
    const { levels, info, rows } = this.subject;
    paintLevels(this.thumb, levels, info, { given: rows });
  }

  /** The figures about the networks and the weights. */
  async #showModel() {
    const { name, info, trouble } = this.app;
    if (this.#told === name) return;
    this.#told = name;
    showTraining(this.places.training, this.app, name);
    const wanted = () => this.#told === name;
    const configs = await trouble.outlast(() => this.#configs(name, info), wanted);
    if (!wanted()) return;
    this.sight.show(configs.gated, configs.residual);
    showBlocks(this.places.blocks, configs, info.gated);
  }

  /** A config of either network: of the model in use, and of the first other one that has it. */
  async #configs(name, info) {
    const { models } = this.app;
    const kind = ({ gated }) => (gated ? "gated" : "residual");
    const configs = { [kind(info)]: info };
    for (const other of models.names) {
      if (configs.gated && configs.residual) break;
      if (other === name) continue;
      const text = await readText(models.file(other, "config.json"));
      if (text === null) throw new Unreachable(`The model ${other} cannot be fetched.`);
      const config = readConfig(parseJson(text, "config.json"));
      configs[kind(config)] ??= config;
    }
    // Where all models have the same network, the other one is as deep.
    configs.gated ??= { ...info, gated: true, horizontalDilations: info.dilations };
    configs.residual ??= { ...info, gated: false };
    return configs;
  }
}
