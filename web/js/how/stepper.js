// One pixel at a time: what it sees, what the model answers, the die, the pixel; then the next.

import { paintField, receptiveField } from "../field.js";
import { paintLevels, setText } from "../raster.js";
import { PlayedFigure } from "./beat.js";
import { button, make, placeMark } from "./dom.js";
import { answerSentence, costSentence, dieSentence, isSure, seesSentence } from "./sentences.js";

const PHASES = ["It looks", "It answers", "A die is thrown", "The pixel"];
const [LOOK, , DIE, PIXEL] = PHASES.keys();
const REST_MS = 1100; // after a phase that one wants to read
const SURE_MS = 45; // after a pixel whose outcome was nearly certain
const DOUBT = 0.1; // a pixel is in doubt if ink and paper both are more probable than that

export class Stepper extends PlayedFigure {
  /** @param {HTMLElement} root is filled with the figure */
  constructor(root) {
    super(root);
    this.phase = LOOK;
    this.moves = {
      ArrowRight: () => this.#forth(),
      ArrowDown: () => this.#skip(),
      ArrowLeft: () => this.#back(),
    };
    this.#build();
  }

  /** @param {import("./subject.js").Subject} subject */
  show(subject) {
    this.beat.stop();
    this.subject = subject;
    this.sight = receptiveField(subject.info);
    this.phase = LOOK;
    this.index = this.#doubtful(subject.first) ?? subject.first;
    this.root.hidden = subject.first >= subject.end; // nothing is drawn
    this.repaint();
  }

  get sentence() {
    return this.lines[this.phase].words.textContent;
  }

  #build() {
    this.canvas = make("canvas", {
      className: "pixels",
      tabIndex: 0,
      role: "application",
      "aria-label": "The digit so far; the arrow keys step, space plays",
    });
    this.shade = make("canvas", { className: "pixels overlay", "aria-hidden": "true" });
    this.mark = make("div", { className: "pixel-mark", hidden: true });
    this.lines = PHASES.map((name) => this.#line(name));
    this.place = make("p", { className: "quiet-text stepper-place" });
    const controls = make(
      "div",
      { className: "how-controls", role: "toolbar", "aria-label": "Stepper" },
      button("Back", () => this.by(() => this.#back())),
      this.play,
      button("Step", () => this.by(() => this.#forth())),
      button("Next in doubt", () => this.by(() => this.#skip())),
    );
    const screen = make("div", { className: "plate" }, this.canvas, this.shade, this.mark);
    const list = make("ol", { className: "phases" }, ...this.lines.map(({ item }) => item));
    const side = make(
      "div",
      { className: "stepper-side" },
      this.place,
      controls,
      list,
      this.spoken,
    );
    this.root.replaceChildren(screen, side);
    this.canvas.addEventListener("click", (event) => this.by(() => this.#jump(event)));
  }

  /** One phase: its name, what shows it, and its sentence. */
  #line(name) {
    const picture = make("div", { className: "phase-picture" });
    const words = make("p");
    const item = make("li", {}, make("h3", { textContent: name }), picture, words);
    return { item, picture, words };
  }

  /** @returns {boolean} whether there was a next one */
  #forth() {
    if (this.phase < PIXEL) this.phase++;
    else if (this.index + 1 < this.subject.end) {
      this.index++;
      this.phase = LOOK;
    } else return false;
    return true;
  }

  #back() {
    if (this.phase > LOOK) this.phase--;
    else if (this.index > this.subject.first) {
      this.index--;
      this.phase = PIXEL;
    }
  }

  #skip() {
    const next = this.#doubtful(this.index + 1);
    if (next !== null) this.index = next;
    else this.index = this.#doubtful(this.subject.first) ?? this.subject.first;
    this.phase = LOOK;
  }

  #jump({ clientX, clientY }) {
    const { first, end, info } = this.subject;
    const box = this.canvas.getBoundingClientRect();
    const row = Math.floor(((clientY - box.top) / box.height) * info.height);
    const column = Math.floor(((clientX - box.left) / box.width) * info.width);
    const at = row * info.width + column;
    if (at < first || at >= end) return;
    this.index = at;
    this.phase = LOOK;
  }

  /** The first pixel from one on whose outcome is open; null if there is none. */
  #doubtful(from) {
    for (let at = from; at < this.subject.end; at++) {
      const [paper] = this.subject.probabilities(at);
      if (paper > DOUBT && paper < 1 - DOUBT) return at;
    }
    return null;
  }

  /** One beat: a phase, or at once a whole pixel that was nearly certain. */
  advance() {
    if (!this.#forth()) return null;
    if (this.phase !== LOOK || !isSure(this.subject, this.index)) {
      this.repaint();
      return REST_MS;
    }
    this.phase = PIXEL;
    this.repaint();
    return SURE_MS;
  }

  repaint() {
    const { subject, index, phase } = this;
    if (!subject || this.root.hidden) return;
    const { info, levels, rows } = subject;
    paintLevels(this.canvas, levels, info, { given: rows, end: index + (phase === PIXEL ? 1 : 0) });
    paintField(this.shade, phase === LOOK ? this.sight : null, info, index);
    placeMark(this.mark, index, info);
    const [row, column] = [Math.floor(index / info.width), index % info.width];
    const drawn = index - subject.first + 1;
    setText(
      this.place,
      `Row ${row}, column ${column}: pixel ${drawn} of the ${subject.end - subject.first} that the model draws.`,
    );
    this.root.dataset.index = index;
    this.root.dataset.phase = phase;
    this.lines.forEach(({ item }, k) => {
      item.classList.toggle("ahead", k > phase);
      if (k === phase) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
    });
    this.#tell(subject, index);
    this.tellPlay();
  }

  #tell(subject, index) {
    const parts = subject.probabilities(index);
    const uniform = subject.uniforms[index];
    const [look, answer, die, pixel] = this.lines;
    setText(look.words, seesSentence(subject, this.sight, index));
    setText(answer.words, answerSentence(subject, index));
    setText(die.words, dieSentence(subject, index));
    setText(pixel.words, costSentence(subject, index));
    answer.picture.replaceChildren(numberLine(parts));
    const thrown = this.phase >= DIE ? uniform : null;
    die.picture.replaceChildren(numberLine(parts, thrown));
    const level = subject.levels[index] / (subject.info.levels - 1);
    const square = make("span", { className: "square" });
    square.style.setProperty("--ink", level);
    pixel.picture.replaceChildren(square);
  }
}

/**
 * From 0 to 1: how much of it belongs to each level, from paper on; and where the die fell.
 * @param {number[]} parts probabilities of the levels
 * @param {number | null} thrown the uniform number
 */
function numberLine(parts, thrown = null) {
  const line = make("div", { className: "number-line", "aria-hidden": "true" });
  parts.forEach((part, level) => {
    const piece = make("span");
    piece.style.flexGrow = part;
    piece.style.setProperty("--ink", level / (parts.length - 1));
    line.append(piece);
  });
  if (thrown === null) return line;
  const die = make("i", { className: "die" });
  die.style.left = `${100 * thrown}%`;
  line.append(die);
  return line;
}
