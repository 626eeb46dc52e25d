// Which digit is it: a bar for each, and whether the drawing is like a digit at all.

import { makeBars } from "./bars.js";
import { setText } from "./raster.js";
import { readingWords } from "./words.js";

const UNLIKE = 0.01; // the share of drawings of digits that are as surprising
const UNLIKE_WORDS = "Unlike any digit that the model knows";
const WORDS = "Which digit is it?";
const ANY = "Pick one to complete as it";

export class Posterior {
  /** `choose(digit)` is called for the bar that was pressed. */
  constructor(root, choose) {
    this.root = root;
    this.choose = choose;
  }

  setModel({ classes }) {
    this.root.hidden = !classes;
    this.reading = ""; // in words, what the drawing is
    this.bars = makeBars(this.root.querySelector(".bars"), classes, this.choose);
  }

  /** A drawing unlike all digits is said to be one, whatever the bars say. */
  show({ posterior, typicality = null }) {
    const unlike = typicality !== null && typicality < UNLIKE;
    this.reading = readingWords(posterior, unlike);
    this.bars.set(posterior, unlike);
    this.root.classList.toggle("unlike", unlike);
    setText(this.root.querySelector("h2"), unlike ? UNLIKE_WORDS : WORDS);
  }

  /** Show which digit is asked for; null: any. */
  press(label) {
    this.bars.press(label);
    const words = label === null ? ANY : `Completed as a ${label}; pick it again for any`;
    setText(this.root.querySelector("p"), words);
  }
}
