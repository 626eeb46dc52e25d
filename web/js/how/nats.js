// Nats as bits, and the mixture over digits: what the numbers under the pictures mean, with the visitor's own.

import { setText } from "../raster.js";
import { make } from "./dom.js";

const RAISED = {
  "-": "⁻",
  0: "⁰",
  1: "¹",
  2: "²",
  3: "³",
  4: "⁴",
  5: "⁵",
  6: "⁶",
  7: "⁷",
  8: "⁸",
  9: "⁹",
};

export const bitsOf = (nats) => nats / Math.LN2;

/** A probability from its logarithm, as one writes small ones: 3.1·10⁻¹⁹. */
export function power(logProb) {
  if (logProb > Math.log(0.001)) return String(Number(Math.exp(logProb).toPrecision(2)));
  const ten = logProb / Math.LN10;
  let exponent = Math.floor(ten);
  let digits = (10 ** (ten - exponent)).toFixed(1);
  if (digits === "10.0") [digits, exponent] = ["1.0", exponent + 1];
  const raised = [...String(exponent)].map((each) => RAISED[each]).join("");
  return `${digits}·10${raised}`;
}

/** How many bits a digit costs, beside those of its pixels as they are. */
export class BitsFigure {
  /** @param {HTMLElement} root is filled with the figure */
  constructor(root) {
    this.root = root;
    this.words = make("p");
    this.given = make("span", { className: "given" });
    this.drawn = make("span", { className: "drawn" });
    this.scale = make(
      "div",
      { className: "bits-scale", "aria-hidden": "true" },
      this.given,
      this.drawn,
    );
    this.legend = make("p", { className: "quiet-text" });
    root.replaceChildren(this.scale, this.legend, this.words);
  }

  /** @param {import("./subject.js").Subject} subject */
  show({ info, given, whole }) {
    const raw = info.height * info.width * Math.log2(info.levels);
    const [half, all] = [bitsOf(given), bitsOf(whole.nats)];
    this.given.style.width = `${(100 * half) / raw}%`;
    this.drawn.style.width = `${(100 * (all - half)) / raw}%`;
    this.root.dataset.nats = whole.nats;
    const each = info.levels === 2 ? "one" : Math.log2(info.levels);
    setText(
      this.legend,
      `${Math.round(all)} of ${raw} bits: ${Math.round(half)} for the rows that are given, ` +
        `${Math.round(all - half)} for those that the model drew.`,
    );
    setText(
      this.words,
      `The whole digit is ${whole.nats.toFixed(1)} nats: its probability is ${power(-whole.nats)}. A nat is ` +
        `${(1 / Math.LN2).toFixed(2)} bits, so ${Math.round(all)} bits would write it down, if writer and reader ` +
        `both had this model. Without one it takes ${raw}, ${each} for each pixel.`,
    );
  }
}

/** p(x | y) p(y) of the rows given, of each digit. */
export class MixtureFigure {
  /** @param {HTMLElement} root is filled with the figure */
  constructor(root) {
    this.root = root;
    this.table = make("table", { className: "mixture" });
    this.words = make("p");
    root.replaceChildren(this.table, this.words);
  }

  /** @param {import("./subject.js").Subject} subject */
  show({ info, logProbs, given }) {
    this.table.hidden = !info.classes;
    if (!info.classes) {
      setText(
        this.words,
        "The model in use knows no classes: its p(x) is one product, not a mean of ten.",
      );
      return;
    }
    const terms = logProbs.map((each) => each - Math.log(info.classes));
    const shares = terms.map((each) => Math.exp(each + given));
    this.table.replaceChildren(
      head(),
      make("tbody", {}, ...terms.map((term, y) => line(y, term, shares[y]))),
    );
    const most = shares.indexOf(Math.max(...shares));
    setText(
      this.words,
      `Their sum is p(x) = ${power(-given)}, that is ${given.toFixed(1)} nats. A digit's part of the sum is how ` +
        `probable it is: ${Math.round(100 * shares[most])} % of it is the ${most}.`,
    );
  }
}

function head() {
  const names = ["y", "its part of p(x)", `p(x | y) p(y)`];
  const cells = names.map((textContent) => make("th", { scope: "col", textContent }));
  return make("thead", {}, make("tr", {}, ...cells));
}

function line(digit, term, share) {
  const fill = make("span", { className: "share" });
  fill.style.width = `${100 * share}%`;
  const percent = share > 0.0005 ? `${(100 * share).toFixed(1)} %` : "under 0.1 %";
  const row = make(
    "tr",
    {},
    make("th", { scope: "row", textContent: digit }),
    make(
      "td",
      { className: "share-cell", title: percent },
      fill,
      make("span", { className: "sr-only", textContent: percent }),
    ),
    make("td", { textContent: power(term) }),
  );
  row.dataset.term = term;
  return row;
}
