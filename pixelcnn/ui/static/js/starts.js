// What to start from other than an empty pad: top halves by the model, or a picture of one's own.

import { digitButton, paintLevels } from "./raster.js";

const UPLOAD_LIMIT = 12e6; // bytes

/** Levels 0..count-1 as ink 0..255. */
export const inkOf = (levels, count) =>
  levels.map((row) => row.map((level) => Math.round((255 * level) / (count - 1))));

export class Starts {
  /** `take(ink)` is called with rows of ink to start from. */
  constructor(app, root, take) {
    this.app = app;
    this.root = root;
    this.take = take;
    this.presets = [];
    root
      .querySelector("[name=upload]")
      .addEventListener("change", (event) => this.#upload(event.target));
  }

  /** The first preset, once it is there. */
  get first() {
    return this.presets[0];
  }

  async setModel() {
    this.presets = [];
    const { name } = this.app;
    const { levels } = await this.app.ask("presets", { model: name });
    if (name !== this.app.name) return;
    this.presets = levels;
    this.repaint();
  }

  repaint() {
    const { height, levels: count } = this.app.info;
    const half = Math.floor(height / 2);
    const buttons = this.presets.map((levels, index) => {
      const { button, canvas, caption } = digitButton();
      button.setAttribute("aria-label", `Start from top half ${index + 1}`);
      caption.remove();
      paintLevels(canvas, levels.slice(0, half), { given: half, max: count - 1 });
      const top = levels.map((row, i) => (i < half ? row : row.map(() => 0)));
      button.addEventListener("click", () => this.take(inkOf(top, count)));
      return button;
    });
    this.root.querySelector(".presets").replaceChildren(...buttons);
  }

  async #upload(input) {
    const [file] = input.files;
    if (!file) return;
    if (file.size > UPLOAD_LIMIT) {
      this.app.notify("This file is larger than 12 MB: choose a smaller picture.");
      return;
    }
    const data = await base64(file);
    input.value = ""; // so that the same file can be chosen again
    this.take((await this.app.ask("read_picture", { data, model: this.app.name })).ink);
  }
}

/** A file's bytes as base64. */
function base64(file) {
  return new Promise((done, fail) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => fail(reader.error);
    reader.readAsDataURL(file);
  });
}
