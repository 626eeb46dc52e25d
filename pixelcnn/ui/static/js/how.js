// How it works: the masks as a figure, and how the weights in use came about.

const MASK = 5;

export class HowView {
  constructor(app, root) {
    this.app = app;
    this.root = root;
    root.querySelector(".masks").replaceChildren(mask("A", 0), mask("B", 1));
  }

  setModel() {
    const { metrics, history, pictures, parameters, architecture, levels } = this.app.info;
    const parts = [heading("The weights in use")];
    const size = `${(parameters / 1e6).toFixed(2)} million parameters`;
    parts.push(paragraph(`${this.app.name}: ${architecture}, ${levels} levels, ${size}.`));
    if (metrics) parts.push(table(metrics));
    if (history.length) parts.push(lossCurves(history));
    this.root.querySelector(".results").replaceChildren(...parts);
    const epochs = pictures.map((picture) => samples(picture, this.app.files));
    this.root.querySelector(".epochs").replaceChildren(...epochs);
  }

  show() {}
  hide() {}
  repaint() {}
  restore() {}

  state() {
    return {};
  }
}

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

const heading = (text) => make("h2", { textContent: text });
const paragraph = (text) => make("p", { textContent: text });

/** Mask of a 5x5 kernel: before the centre 1, at it `centre`, after it 0. */
function mask(name, centre) {
  const middle = (MASK * MASK - 1) / 2;
  const cells = Array.from({ length: MASK * MASK }, (_, k) => {
    const kept = k < middle || (k === middle && centre);
    return make("span", { className: kept ? "kept" : "cut", textContent: kept ? "1" : "0" });
  });
  cells[middle].classList.add("centre");
  return make(
    "figure",
    {},
    make("div", { className: "mask" }, ...cells),
    make("figcaption", { textContent: `mask ${name}` }),
  );
}

/** A figure as one reads it; of a hash the beginning, by which it is known. */
function figure(name, value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string") return name.endsWith("sha256") ? value.slice(0, 12) : value;
  return Number.isInteger(value) ? value.toLocaleString("en") : value.toFixed(3);
}

/** The figures of metrics.json, by name. */
function table(metrics) {
  const rows = Object.entries(metrics)
    .filter(([, value]) => ["string", "number", "boolean"].includes(typeof value))
    .map(([name, value]) => {
      const text = figure(name, value);
      const head = make("th", { scope: "row", textContent: name.replaceAll("_", " ") });
      return make("tr", {}, head, make("td", { textContent: text }));
    });
  return make("table", {}, make("tbody", {}, ...rows));
}

/** Training and validation loss against the epoch, as SVG. */
function lossCurves(history) {
  const [width, height, pad] = [480, 200, 36];
  const kinds = { train: "cool", validation: "warm" };
  const value = (entry, kind) => entry[`${kind}_nats_per_image`];
  const all = history.flatMap((entry) => Object.keys(kinds).map((kind) => value(entry, kind)));
  const first = value(history[0], "train"); // from random weights: it would flatten all that follows
  const [low, high] = [Math.min(...all), Math.max(...(all.length > 2 ? all.slice(1) : all))];
  const x = (k) => pad + (k / Math.max(1, history.length - 1)) * (width - 2 * pad);
  const y = (nats) => height - pad - ((nats - low) / (high - low || 1)) * (height - 2 * pad);
  const lines = Object.entries(kinds).map(([kind, colour]) => {
    const places = history.map((entry, k) => [x(k), y(value(entry, kind))]);
    const dots = places.map(
      ([cx, cy]) => `<circle class="${colour}" cx="${cx}" cy="${cy}" r="3" />`,
    );
    return `<polyline class="${colour}" points="${places.join(" ")}" />${dots.join("")}`;
  });
  const chart = make("figure", { className: "losses" });
  chart.innerHTML = `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Loss by epoch">
    <clipPath id="losses-clip"><rect y="${pad - 4}" width="${width}" height="${height}" /></clipPath>
    <g clip-path="url(#losses-clip)">${lines.join("")}</g>
    <text x="4" y="${y(high) + 4}">${high.toFixed(1)}</text><text x="4" y="${y(low) + 4}">${low.toFixed(1)}</text>
    <text x="${pad}" y="${height - 8}">epoch ${history[0].epoch}</text>
    <text x="${width - pad}" y="${height - 8}" text-anchor="end">${history.at(-1).epoch}</text>
  </svg>`;
  const off = first > high ? ` Training began at ${first.toFixed(1)}, above what is shown.` : "";
  const caption = `Loss in nats per image: training (cool), validation (warm).${off}`;
  chart.append(make("figcaption", { textContent: caption }));
  return chart;
}

function samples({ epoch, path }, files) {
  const caption = `Samples after epoch ${epoch}`;
  const picture = make("img", { src: `${files}${path}`, alt: caption, loading: "lazy" });
  return make(
    "figure",
    { className: "epoch" },
    picture,
    make("figcaption", { textContent: caption }),
  );
}
