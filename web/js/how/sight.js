// What a pixel may look at: the blind spot of masked convolutions, and the two stacks that have none.

import { receptiveField, sees, stacks } from "../field.js";
import { ownKey } from "../keyboard.js";
import { inks, paint, setText } from "../raster.js";
import { make, placeMark } from "./dom.js";

const START = { down: 0.6, right: 0.25 }; // where the pixel asked about is at first, in parts of the image

/** One network, or a part of one: its picture and what it sees. */
class Panel {
  constructor(name, hue) {
    this.hue = hue;
    this.canvas = make("canvas", { className: "pixels", "aria-hidden": "true" });
    this.mark = make("div", { className: "pixel-mark", hidden: true });
    this.count = make("span", { className: "sight-count" });
    this.figure = make(
      "figure",
      {},
      make("div", { className: "plate" }, this.canvas, this.mark),
      make("figcaption", {}, make("strong", { textContent: name }), " ", this.count),
    );
  }

  /** Paint what pixel `index` sees; chequered: earlier, but not seen. @returns {number} how many it sees */
  paint(seen, info, index) {
    const { [this.hue]: ink, text } = inks();
    let count = 0;
    paint(this.canvas, info, (at) => {
      if (at >= index) return 0;
      if (sees(seen, info, index, at)) {
        count++;
        return ink[150];
      }
      return (Math.floor(at / info.width) + at) % 2 ? text[90] : text[14];
    });
    placeMark(this.mark, index, info);
    setText(this.count, `sees ${count} of ${index} earlier pixels`);
    return count;
  }
}

export class SightFigure {
  /** @param {HTMLElement} root is filled with the figure */
  constructor(root) {
    this.root = root;
    this.panels = {
      masked: new Panel("Masked convolutions, stacked:", "cool"),
      vertical: new Panel("The vertical stack:", "warm"),
      horizontal: new Panel("The horizontal stack:", "warm"),
      both: new Panel("Both stacks together:", "warm"),
    };
    this.words = make("p", { className: "sight-words", "aria-live": "polite" });
    this.grid = make("div", {
      className: "sight-panels",
      tabIndex: 0,
      role: "application",
      "aria-label": "Which pixel is asked about: the arrow keys move it",
    });
    this.grid.append(...Object.values(this.panels).map(({ figure }) => figure));
    root.replaceChildren(this.grid, this.words);
    for (const name of ["pointermove", "pointerdown"]) {
      this.grid.addEventListener(name, (event) => this.#point(event));
    }
    this.grid.addEventListener("keydown", (event) => this.#key(event));
  }

  /**
   * @param {object} gated config of the network with two stacks
   * @param {object} residual config of the one without
   */
  show(gated, residual) {
    this.info = residual;
    const { vertical, horizontal } = stacks(gated);
    this.seen = {
      masked: receptiveField(residual),
      vertical,
      horizontal,
      both: receptiveField(gated),
    };
    const { height, width } = residual;
    this.index ??= Math.floor(START.down * height) * width + Math.floor(START.right * width);
    this.repaint();
  }

  repaint() {
    if (!this.seen) return;
    const counts = Object.entries(this.panels).map(([name, panel]) => [
      name,
      panel.paint(this.seen[name], this.info, this.index),
    ]);
    const { masked, both } = Object.fromEntries(counts);
    const missed = both - masked;
    const [row, column] = [Math.floor(this.index / this.info.width), this.index % this.info.width];
    const blind = missed
      ? `${missed} earlier pixel${missed === 1 ? " lies" : "s lie"} in the blind spot of the first, and the two stacks see them.`
      : "nothing lies in the blind spot here.";
    setText(this.words, `For row ${row}, column ${column}: ${blind}`);
    this.root.dataset.missed = missed;
    this.root.dataset.index = this.index;
  }

  #point(event) {
    const screen = event.target.closest(".plate");
    if (!screen || !this.seen) return;
    const box = screen.getBoundingClientRect();
    const { height, width } = this.info;
    const part = (at, size, cells) =>
      Math.max(0, Math.min(cells - 1, Math.floor((at / size) * cells)));
    const row = part(event.clientY - box.top, box.height, height);
    this.#move(row * width + part(event.clientX - box.left, box.width, width));
  }

  #key(event) {
    const { height, width } = this.info;
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -width, ArrowDown: width }[ownKey(event)];
    if (!by) return;
    event.preventDefault();
    const to = this.index + by;
    if (to >= 0 && to < height * width) this.#move(to);
  }

  #move(index) {
    if (index === this.index) return;
    this.index = index;
    this.repaint();
  }
}
