// Training and validation loss against the epoch, as SVG.

import { make } from "./dom.js";

const [WIDTH, HEIGHT, PAD] = [480, 200, 36];
const KINDS = { train: "cool", validation: "warm" };

const value = (entry, kind) => entry[`${kind}_nats_per_image`];

/**
 * @param {object[]} history the epochs of log.jsonl that have both losses
 * @param {boolean} parts whether they are losses of missing pixels
 */
export function lossCurves(history, parts) {
  const all = history.flatMap((entry) => Object.keys(KINDS).map((kind) => value(entry, kind)));
  const first = value(history[0], "train"); // from random weights: it would flatten all that follows
  const [low, high] = [Math.min(...all), Math.max(...(all.length > 2 ? all.slice(1) : all))];
  const x = (k) => PAD + (k / Math.max(1, history.length - 1)) * (WIDTH - 2 * PAD);
  const y = (nats) => HEIGHT - PAD - ((nats - low) / (high - low || 1)) * (HEIGHT - 2 * PAD);
  const lines = Object.entries(KINDS).map(([kind, colour]) => {
    const places = history.map((entry, k) => [x(k), y(value(entry, kind))]);
    const dots = places.map(
      ([cx, cy]) => `<circle class="${colour}" cx="${cx}" cy="${cy}" r="3" />`,
    );
    return `<polyline class="${colour}" points="${places.join(" ")}" />${dots.join("")}`;
  });
  const chart = make("figure", { className: "losses" });
  chart.innerHTML = `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Loss by epoch">
    <svg y="${PAD - 4}" width="${WIDTH}" height="${HEIGHT}" viewBox="0 ${PAD - 4} ${WIDTH} ${HEIGHT}">${lines.join("")}</svg>
    <text x="4" y="${y(high) + 4}">${high.toFixed(1)}</text><text x="4" y="${y(low) + 4}">${low.toFixed(1)}</text>
    <text x="${PAD}" y="${HEIGHT - 8}">epoch ${history[0].epoch}</text>
    <text x="${WIDTH - PAD}" y="${HEIGHT - 8}" text-anchor="end">${history.at(-1).epoch}</text>
  </svg>`;
  const off = first > high ? ` Training began at ${first.toFixed(1)}, above what is shown.` : "";
  const unit = parts ? "nats of a digit's missing pixels" : "nats per digit";
  const caption = `Loss in ${unit}: training (cool), validation (warm).${off}`;
  chart.append(make("figcaption", { textContent: caption }));
  return chart;
}
