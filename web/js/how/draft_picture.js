// The passes of one row, one below the other: the guess first. Final is solid, the rest faint; what a pass changed is
// outlined, and what it computed underlined.

import { inks } from "../raster.js";
import { make } from "./dom.js";

const FAINT = 0.35;
const LEAST_LINES = 6; // so that the picture keeps its height from row to row

export class DraftPicture {
  constructor() {
    this.canvas = make("canvas", { className: "draft", role: "img" });
    this.root = make("div", { className: "draft-frame" }, this.canvas);
  }

  /**
   * @param {import("./subject.js").Subject} subject
   * @param {object} draft of the row at hand
   * @param {number} passes of it that are done
   * @param {number} most passes that any row takes: the picture's height
   */
  paint({ info }, draft, passes, most) {
    const { width, levels: count } = info;
    const lines = Math.max(LEAST_LINES, most + 1);
    const wide = this.root.clientWidth;
    if (!wide) return;
    const cell = wide / width;
    const high = cell * 1.3;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(wide * ratio);
    this.canvas.height = Math.round(high * lines * ratio);
    this.canvas.style.height = `${high * lines}px`;
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    for (let line = 0; line <= passes; line++) {
      const pass = draft.passes[line - 1];
      const row = pass?.levels ?? draft.guess;
      const before = pass && (draft.passes[line - 2]?.levels ?? draft.guess);
      const settled = pass ? (draft.passes[line]?.from ?? width) : 0;
      this.#line(context, {
        y: line * high,
        cell,
        row,
        before,
        settled,
        pass,
        scale: 1 / (count - 1),
      });
    }
    const told = `Row ${draft.row}: its guess and ${passes} of ${draft.passes.length} passes`;
    this.canvas.setAttribute("aria-label", told);
  }

  #line(context, { y, cell, row, before, settled, pass, scale }) {
    const { warm, text } = inks();
    const side = cell - 1;
    row.forEach((level, column) => {
      const x = column * cell;
      const strength = column < settled ? 1 : FAINT;
      context.globalAlpha = 0.12 * strength;
      context.fillStyle = text.css;
      context.fillRect(x, y, side, side);
      context.globalAlpha = strength * level * scale;
      context.fillStyle = warm.css;
      context.fillRect(x, y, side, side);
      context.globalAlpha = 1;
      if (!before || before[column] === level) return;
      context.strokeStyle = text.css;
      context.lineWidth = 2;
      context.strokeRect(x + 1, y + 1, side - 2, side - 2);
    });
    if (!pass) return;
    context.fillStyle = text.css;
    context.globalAlpha = 0.7;
    context.fillRect(pass.from * cell, y + side + 1, (pass.to - pass.from) * cell - 1, 2);
    context.globalAlpha = 1;
  }
}
