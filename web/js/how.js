// How it works: what it shows is loaded when it is opened first.

import { loadLater } from "./later.js";

export class HowView {
  #loading = null;

  constructor(app, root) {
    this.app = app;
    this.root = root;
  }

  setModel() {
    if (this.app.view === this) this.show();
  }

  async show() {
    this.#loading ??= this.#load();
    await this.#loading;
    if (this.app.view === this) await this.article.show();
  }

  async #load() {
    try {
      const { Article } = await loadLater(this.app.trouble, {
        name: "How it works",
        module: () => import("./how/view.js"),
        styles: "../css/how.css",
        wanted: () => this.app.view === this,
      });
      this.article = new Article(this.app, this.root);
    } catch (error) {
      this.#loading = null; // the next look tries again
      throw error;
    }
  }

  hide() {
    this.article?.hide();
  }

  repaint() {
    this.article?.repaint();
  }

  /** It is about the drawing. */
  state() {
    return this.app.views.draw.state();
  }

  restore(query) {
    this.app.views.draw.restore(query);
  }
}
