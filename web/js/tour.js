// The tour: six steps that point at live parts of the page. It blocks nothing: what it points at can be tried.

import { make } from "./how/dom.js";
import { lessMotion, setText } from "./raster.js";

const STEPS = [
  {
    view: "draw",
    targets: [".pad"],
    title: "Draw here",
    text: "Draw the top of a digit: with a finger, the mouse, or the arrow keys and space. The ink that you give is blue.",
  },
  {
    view: "draw",
    targets: [".pad-frame .divider"],
    title: "Drag the divider",
    text: "Rows above it are yours, rows below are the model's, in orange. Drag it, or press up and down on it: how much you give is up to you.",
  },
  {
    view: "draw",
    targets: [".completions"],
    title: "Eight ways to go on",
    text: "Each is a draw of the model given your rows, the most probable first. Tap one to watch it appear, pixel by pixel.",
  },
  {
    view: "draw",
    targets: [".posterior", ".answers"],
    title: "Which digit is it?",
    text: "The bars tell how probable each digit is, given your rows, where the model knows digits. Tap one, and all eight are completed as it.",
  },
  {
    view: "draw",
    targets: ["[role=tablist]"],
    all: ["#tab-sample", "#tab-watch"],
    title: "Sample and Watch",
    text: "Sample draws whole digits; a seed brings the same ones again. Watch shows one appear, beside what the model expected of every pixel.",
  },
  {
    view: "how",
    targets: ["#tab-how"],
    title: "How it works",
    text: "Here your own drawing goes on one pixel at a time: what the model sees, what it answers, and the die. That is the end of the tour.",
  },
];

export const LAST = STEPS.length;

const NARROW = 720; // below that the panel lies at the foot of the screen
const GAP = 16; // from what it points at, and from the edges
const RING = 6; // around what it points at

const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

export class Tour {
  #step = null; // 1 to LAST; null while it is closed

  constructor(app) {
    this.app = app;
    this.#build();
    this.follow = () => this.#place();
    this.onKey = (event) => {
      if (event.key === "Escape" && !event.defaultPrevented) this.close();
    };
  }

  get open() {
    return this.#step !== null;
  }

  /** Go to a step, 1 to LAST, and to the view that it is about. */
  show(step) {
    const opened = !this.open;
    if (opened) this.#begin();
    this.#step = step;
    const { view, title, text } = STEPS[step - 1];
    this.app.open(view);
    this.#write(step); // after the view's own entry, so that Back comes to the step before
    setText(this.count, `${step} of ${LAST}`);
    setText(this.title, title);
    setText(this.text, text);
    this.back.disabled = step === 1;
    setText(this.next, step === LAST ? "Done" : "Next");
    this.panel.dataset.step = step;
    this.#target()?.scrollIntoView({
      block: innerWidth < NARROW ? "start" : "nearest",
      behavior: lessMotion() ? "auto" : "smooth",
    });
    this.#place();
    if (opened || this.back.disabled) this.next.focus({ preventScroll: true });
  }

  close() {
    if (!this.open) return;
    this.#step = null;
    this.#write(null);
    this.panel.remove();
    this.ring.remove();
    this.watch.disconnect();
    removeEventListener("scroll", this.follow, true);
    removeEventListener("resize", this.follow);
    removeEventListener("keydown", this.onKey);
    const { opener } = this;
    if (opener?.isConnected && opener.offsetParent) opener.focus({ preventScroll: true });
    else
      this.app.root.querySelector("[role=tab][aria-selected=true]").focus({ preventScroll: true });
  }

  #build() {
    this.title = make("h2", { id: "tour-title" });
    this.text = make("p", { id: "tour-text" });
    this.count = make("span", { className: "quiet-text" });
    const by = (textContent, action, properties) => {
      const button = make("button", { type: "button", textContent, ...properties });
      button.addEventListener("click", action);
      return button;
    };
    this.back = by("Back", () => this.show(this.#step - 1));
    this.next = by("Next", () => (this.#step < LAST ? this.show(this.#step + 1) : this.close()), {
      className: "primary",
    });
    const leave = by("Leave the tour", () => this.close(), { className: "quiet" });
    this.panel = make(
      "div",
      {
        className: "tour",
        role: "dialog",
        "aria-modal": "false",
        "aria-labelledby": "tour-title",
        "aria-describedby": "tour-text",
      },
      make("div", { "aria-live": "polite" }, this.count, this.title, this.text),
      make("div", { className: "tour-buttons" }, this.next, this.back, leave),
    );
    this.ring = make("div", { className: "tour-ring", "aria-hidden": "true" });
  }

  #begin() {
    this.opener = document.activeElement;
    this.app.root.append(this.ring, this.panel);
    this.watch = new ResizeObserver(this.follow);
    this.watch.observe(this.app.root);
    addEventListener("scroll", this.follow, true);
    addEventListener("resize", this.follow);
    addEventListener("keydown", this.onKey);
  }

  /** Write the step into the address, so that a link or a reload comes back to it. */
  #write(step) {
    const { query } = this.app.history;
    if (step === null) query.delete("tour");
    else query.set("tour", step);
    history.replaceState(history.state, "", `?${query}${location.hash}`);
    this.app.history.note();
  }

  #target() {
    const { targets } = STEPS[this.#step - 1];
    const found = targets.map((selector) => this.app.root.querySelector(selector));
    return found.find((element) => element?.offsetParent);
  }

  /** What is pointed at, as a rectangle of the screen. */
  #box() {
    const { all } = STEPS[this.#step - 1];
    const parts = all ? all.map((each) => this.app.root.querySelector(each)) : [this.#target()];
    const boxes = parts.filter(Boolean).map((each) => each.getBoundingClientRect());
    if (!boxes.length) return null;
    const left = Math.min(...boxes.map((box) => box.left)) - RING;
    const top = Math.min(...boxes.map((box) => box.top)) - RING;
    const right = Math.max(...boxes.map((box) => box.right)) + RING;
    const bottom = Math.max(...boxes.map((box) => box.bottom)) + RING;
    return { left, top, right, bottom, width: right - left, height: bottom - top };
  }

  #place() {
    const box = this.#box();
    this.ring.hidden = !box;
    if (!box) return;
    for (const side of ["left", "top", "width", "height"]) {
      this.ring.style[side] = `${box[side]}px`;
    }
    const { offsetWidth: width, offsetHeight: height } = this.panel;
    const [left, top] = innerWidth < NARROW ? atFoot(height) : beside(box, width, height);
    this.panel.style.left = `${left}px`;
    this.panel.style.top = `${top}px`;
  }
}

const atFoot = (height) => [GAP / 2, innerHeight - height - GAP / 2];

/** Where the panel stands: right of what it points at, else left of it, below or above it; never off the screen. */
function beside(box, width, height) {
  const [high, wide] = [innerHeight - height - GAP, innerWidth - width - GAP];
  const top = clamp(box.top, GAP, high);
  const left = clamp(box.left, GAP, wide);
  if (box.right + GAP <= wide) return [box.right + GAP, top];
  if (box.left - GAP - width >= GAP) return [box.left - GAP - width, top];
  if (box.bottom + GAP <= high) return [left, box.bottom + GAP];
  return [left, clamp(box.top - GAP - height, GAP, high)];
}
