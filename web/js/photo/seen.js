// What was seen in a picture: the picture with a frame around its digit, a sentence, and another part if one drags
// across it.

import { pixelsOf } from "../picture.js";
import { setText } from "../raster.js";
import { readDigit } from "./read.js";

const LARGEST = 240; // pixels of the screen, each way
const LEAST = 8; // pixels of the screen, that a part has each way
const TAKEN = "The digit in the frame was read. Drag across the picture to read another part.";
const CROP = "Drag across the digit in the picture.";

export class Seen {
  /** `take(ink)` is called with the ink to start from, 0..255 row by row. */
  constructor(root, take) {
    this.take = take;
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", "Your picture, with a frame around what was read");
    this.words = Object.assign(document.createElement("p"), { className: "quiet-text" });
    this.words.setAttribute("role", "status");
    this.frame = Object.assign(document.createElement("div"), { className: "seen" });
    this.frame.append(this.canvas, this.words);
    root.append(this.frame);
    this.canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    this.canvas.addEventListener("pointermove", (event) => this.#drag(event));
    this.canvas.addEventListener("pointerup", () => this.#end());
  }

  /** Read a picture, and show what was seen. */
  show(bitmap, info) {
    this.bitmap?.close();
    Object.assign(this, { bitmap, info });
    this.scale = Math.min(1, LARGEST / Math.max(bitmap.width, bitmap.height));
    this.canvas.width = Math.max(1, Math.round(bitmap.width * this.scale));
    this.canvas.height = Math.max(1, Math.round(bitmap.height * this.scale));
    this.#read({ left: 0, top: 0, width: bitmap.width, height: bitmap.height });
  }

  #read(part) {
    const pixels = pixelsOf(this.bitmap, part);
    const { ink, box, trouble } = readDigit(pixels, this.info);
    const enlarged = part.width / pixels.width;
    const seen = box && {
      left: part.left + box.left * enlarged,
      top: part.top + box.top * enlarged,
      width: (box.right - box.left) * enlarged,
      height: (box.bottom - box.top) * enlarged,
    };
    this.#paint(seen);
    setText(this.words, trouble ? `${trouble} ${CROP}` : TAKEN);
    if (!trouble) this.take(ink);
  }

  #paint(box) {
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.drawImage(this.bitmap, 0, 0, this.canvas.width, this.canvas.height);
    if (!box) return;
    context.lineWidth = 2;
    context.strokeStyle = getComputedStyle(this.frame).getPropertyValue("--cool");
    const sides = [box.left, box.top, box.width, box.height].map((each) => each * this.scale);
    context.strokeRect(...sides);
  }

  #begin(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.from = this.to = this.#place(event);
  }

  #drag(event) {
    if (!this.from) return;
    this.to = this.#place(event);
    this.#paint(this.#part());
  }

  #end() {
    const part = this.from && this.#part();
    this.from = null;
    if (part && Math.min(part.width, part.height) * this.scale >= LEAST) this.#read(part);
  }

  /** The point of the picture under the pointer. */
  #place({ clientX, clientY }) {
    const box = this.canvas.getBoundingClientRect();
    const inside = (share) => Math.max(0, Math.min(1, share));
    return [
      inside((clientX - box.left) / box.width) * this.bitmap.width,
      inside((clientY - box.top) / box.height) * this.bitmap.height,
    ];
  }

  #part() {
    const [[a, b], [c, d]] = [this.from, this.to];
    const [width, height] = [Math.abs(a - c), Math.abs(b - d)];
    return { left: Math.min(a, c), top: Math.min(b, d), width, height };
  }
}
