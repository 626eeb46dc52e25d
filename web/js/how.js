// How it works: the masks as a figure, and how the weights in use came about.

import { readText } from "./models.js";

const MASK = 5;

export class HowView {
  constructor(app, root) {
    this.app = app;
    this.root = root;
    root.querySelector(".masks").replaceChildren(mask("A", 0), mask("B", 1));
  }

  setModel() {
    this.told = null; // of which model the results are shown
    if (this.app.view === this) this.show();
  }

  /** Fetch what the folder of the weights tells of them, at the first look. */
  async show() {
    const { name, models, info } = this.app;
    if (this.told === name) return;
    this.told = name;
    await models.ready(name);
    const files = ["metrics.json", "training.json", "log.jsonl"];
    const [metrics, training, log] = await Promise.all(
      files.map((file) => readText(models.file(name, file))),
    );
    if (this.told !== name) return;
    const parts = [heading("The weights in use")];
    const architecture = info.gated ? "gated" : "residual";
    parts.push(paragraph(`${name}: ${architecture}, ${info.levels} levels${this.#size()}.`));
    if (metrics) parts.push(table(JSON.parse(metrics)));
    const history = losses(log);
    if (history.length) parts.push(lossCurves(history));
    this.root.querySelector(".results").replaceChildren(...parts);
    const grids = pictures(training, history).map(([file, caption]) =>
      samples(models.file(name, file), caption),
    );
    this.root.querySelector(".epochs").replaceChildren(...grids);
  }

  /** How many parameters there are, where the weights are here. */
  #size() {
    const count = this.app.models.parameters(this.app.name);
    return count ? `, ${(count / 1e6).toFixed(2)} million parameters` : "";
  }

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

/** The epochs of log.jsonl that have both losses. */
function losses(log) {
  const entries = (log ?? "")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  const wanted = ["epoch", "train_nats_per_image", "validation_nats_per_image"];
  return entries.filter((entry) => wanted.every((key) => Number.isFinite(entry[key])));
}

/** Files of samples and their captions: of the epochs that the last run drew some after, and of the weights. */
function pictures(training, history) {
  const settings = JSON.parse(training ?? "{}").stages?.at(-1)?.settings;
  const logged = new Set(history.map(({ epoch }) => epoch));
  const epochs = (settings?.sample_epochs ?? []).filter((epoch) => logged.has(epoch));
  return [
    ...epochs.map((epoch) => [
      `samples-epoch-${String(epoch).padStart(3, "0")}.png`,
      `Samples after epoch ${epoch}`,
    ]),
    ["samples.png", "Samples of these weights"],
  ];
}

function samples(address, caption) {
  const picture = make("img", { src: address, alt: caption, loading: "lazy" });
  const shown = make(
    "figure",
    { className: "epoch" },
    picture,
    make("figcaption", { textContent: caption }),
  );
  picture.addEventListener("error", () => shown.remove()); // a folder may lack it
  return shown;
}
