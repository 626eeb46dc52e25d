// What to start from other than an empty pad: top halves, or a picture of one's own.

import { toLevels } from "./ink.js";
import { openPicture } from "./picture.js";
import { makePresets } from "./presets.js";
import { digitButton, paintLevels } from "./raster.js";

export class Starts {
  /** `take(ink)` is called with the ink to start from, 0..255 row by row. */
  constructor(app, root, take) {
    this.app = app;
    this.root = root;
    this.take = take;
    this.presets = [];
    root
      .querySelector("[name=upload]")
      .addEventListener("change", (event) => this.#upload(event.target));
  }

  /** The first preset, as ink 0..255. */
  get first() {
    return this.presets[0];
  }

  setModel() {
    this.presets = makePresets(this.app.info);
    this.repaint();
  }

  repaint() {
    const { height, width } = this.app.info;
    const half = Math.floor(height / 2);
    const top = { ...this.app.info, height: half };
    const buttons = this.presets.map((ink, index) => {
      const { button, canvas, caption } = digitButton();
      button.setAttribute("aria-label", `Start from top half ${index + 1}`);
      caption.remove();
      paintLevels(canvas, toLevels(ink, top.levels), top, { given: half });
      button.addEventListener("click", () => {
        this.take(ink.map((each, at) => (at < half * width ? each : 0)));
      });
      return button;
    });
    this.root.querySelector(".presets").replaceChildren(...buttons);
  }

  async #upload(input) {
    const [file] = input.files;
    if (!file) return;
    const opening = openPicture(file);
    input.value = ""; // so that the same file can be chosen again
    const bitmap = await opening;
    const { Seen } = await import("./photo/seen.js");
    this.seen ??= new Seen(this.root, this.take);
    this.seen.show(bitmap, this.app.info);
  }
}
