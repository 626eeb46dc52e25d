// Compare: another model answers the same question, beside the one that is chosen.
// Its weights, and what shows its answer, are fetched when it is asked for.

import { Refusal } from "../engine/pool.js";

const option = (properties) => Object.assign(document.createElement("option"), properties);

export class Compare {
  #rival = null; // shows the other's answer
  #asked = null; // the newest question

  /**
   * @param {object} app
   * @param {HTMLElement} root of a view: it holds the choice, `.own-name`, and `.rival` for the other's answer
   * @param {string} kind "Drawing" or "Samples": which of the classes of `rival.js` shows it
   * @param {object} [wiring] passed on to that class
   */
  constructor(app, root, kind, wiring = {}) {
    Object.assign(this, { app, root, kind, wiring, other: null, own: null });
    this.choice = root.querySelector("[name=compare]");
    this.choice.addEventListener("change", () => {
      this.app.models.choose(this.app.name); // the one before is waited for no longer
      this.restore(this.choice.value);
      this.show();
      this.app.history.note();
    });
  }

  /** Offer the models that are not chosen. If it is the other one that was chosen, the two change places. */
  setModel() {
    const { name, models } = this.app;
    const { own, other } = this;
    const rest = models.names.filter((each) => each !== name);
    const options = rest.map((value) => option({ value, label: this.app.title(value) }));
    this.choice.replaceChildren(option({ value: "", label: "no other model" }), ...options);
    this.choice.closest("label").hidden = !rest.length;
    this.own = name;
    this.#asked = null;
    this.restore(other === name ? own : other);
  }

  /** The other model's name; null for none. */
  state() {
    return this.other;
  }

  /** Take another model, if it is one; it is asked when the view is open. */
  restore(name) {
    const known = name !== this.own && this.app.models.names.includes(name);
    this.#drop();
    this.other = known ? name : null;
    this.choice.value = this.other ?? "";
    this.root.classList.toggle("comparing", known);
    this.root.querySelector(".own-name").textContent = known ? this.app.title(this.own) : "";
  }

  /** Answer, if there is another model. */
  async show() {
    const name = this.other;
    if (!name || this.#rival) return;
    const place = {};
    this.#rival = place; // until its class is here
    const [kinds, info] = await Promise.all([
      import("./rival.js").catch(() => {
        throw new Refusal("Nothing can be compared now: reload the page in a moment.");
      }),
      this.app.models.info(name),
    ]).catch((error) => {
      if (this.#rival === place) this.restore(null);
      throw error;
    });
    if (this.#rival !== place) return;
    const holder = this.root.querySelector(".rival");
    this.#rival = new kinds[this.kind](this.app, holder, { name, info, ...this.wiring });
    if (this.#asked) this.#rival.ask(this.#asked);
  }

  /** Put the newest question to the other model as well. */
  ask(question) {
    this.#asked = question;
    if (this.#rival) this.#rival.ask?.(question);
    else this.show();
  }

  repaint() {
    this.#rival?.repaint?.();
  }

  #drop() {
    this.#rival?.close?.();
    this.#rival = null;
  }
}
