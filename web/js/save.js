// Files to keep: grids as PNG, an animation as GIF, a digit as SVG. On white, in the inks of the page by day.

import { animate, COOL, PAPER, WARM } from "./animation.js";

const SCALE = 4;
const GAP = 2;
const COLUMNS = 8;
// The pad beside four columns of completions, which are as high as the pad in two rows.
const PAD_SCALE = 16;
const SMALL_SCALE = 7;
const MARGIN = 24;

const rgb = (colour, alpha = 1) => `rgb(${colour.join(" ")} / ${alpha})`;
const BLACK = [0, 0, 0];

function download(name, blob) {
  const link = document.createElement("a");
  link.download = name;
  link.href = URL.createObjectURL(blob);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** A white sheet: its canvas, and what draws on it. */
function makeSheet(width, height) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  context.fillStyle = rgb(PAPER);
  context.fillRect(0, 0, width, height);
  return { canvas, context };
}

/** Draw opacities 0 to 1 of a colour, row by row, each pixel a square of `scale`. */
function drawInk(context, ink, { width, left, top, scale, colour }) {
  ink.forEach((alpha, at) => {
    if (!alpha) return;
    const [i, j] = [Math.floor(at / width), at % width];
    context.fillStyle = rgb(colour, alpha);
    context.fillRect(left + scale * j, top + scale * i, scale, scale);
  });
}

/** Save samples as a grid of dark ink. */
export function saveGrid({ samples, seed, request }, { height, width, levels: count }) {
  const columns = Math.min(COLUMNS, samples.length);
  const { canvas, context } = makeSheet(
    SCALE * (columns * (width + GAP) + GAP),
    SCALE * (Math.ceil(samples.length / columns) * (height + GAP) + GAP),
  );
  samples.forEach(({ levels }, k) => {
    const left = SCALE * (GAP + (k % columns) * (width + GAP));
    const top = SCALE * (GAP + Math.floor(k / columns) * (height + GAP));
    const ink = Array.from(levels, (level) => level / (count - 1));
    drawInk(context, ink, { width, left, top, scale: SCALE, colour: BLACK });
  });
  canvas.toBlob((blob) => download(`pixelcnn-${request.model}-seed-${seed}.png`, blob));
}

/**
 * Save a drawing and its completions: given rows cool, the model's warm.
 * @param {object} drawing levels, rows, `mean` (0 to 1, by pixel; null for none), samples, model and seed
 * @param {{height: number, width: number, levels: number}} info
 */
export function saveDrawing({ levels, rows, mean, samples, model, seed }, info) {
  const { height, width, levels: count } = info;
  const { canvas, context } = makeSheet(
    3 * MARGIN + PAD_SCALE * width + 4 * SMALL_SCALE * width + 3 * MARGIN,
    2 * MARGIN + PAD_SCALE * height,
  );
  const given = rows * width;
  const put = (ink, place) => {
    const split = (part) => ink.map((alpha, at) => (at < given === part ? alpha : 0));
    drawInk(context, split(true), { width, colour: COOL, ...place });
    drawInk(context, split(false), { width, colour: WARM, ...place });
  };
  const ink = (image) => Array.from(image, (level) => level / (count - 1));
  const pad = ink(levels).map((alpha, at) => (at < given ? alpha : (mean?.[at] ?? 0)));
  put(pad, { left: MARGIN, top: MARGIN, scale: PAD_SCALE });
  context.fillStyle = rgb(BLACK);
  context.fillRect(MARGIN, MARGIN + PAD_SCALE * rows - 1, PAD_SCALE * width, 2);
  const gap = PAD_SCALE * height - 2 * SMALL_SCALE * height; // between two rows
  samples.forEach((sample, k) => {
    const column = 2 * MARGIN + PAD_SCALE * width + (k % 4) * (SMALL_SCALE * width + MARGIN);
    const top = MARGIN + Math.floor(k / 4) * (SMALL_SCALE * height + gap);
    put(ink(sample.levels), { left: column, top, scale: SMALL_SCALE });
  });
  canvas.toBlob((blob) => download(`pixelcnn-${model}-drawing-seed-${seed}.png`, blob));
}

/** Save a digit that appears pixel by pixel as an animated GIF. */
export function saveGif(trace, info) {
  download("pixelcnn.gif", new Blob([animate(trace, info)], { type: "image/gif" }));
}

/** Save a digit as squares that no zoom blurs. */
export function saveSvg(trace, info) {
  download("pixelcnn.svg", new Blob([svgOf(trace, info)], { type: "image/svg+xml" }));
}

/**
 * An image as SVG: a rectangle for each run of the same ink in a row; rows that are given are cool.
 * @param {{levels: Uint8Array, rows: number}} trace
 * @param {{height: number, width: number, levels: number}} info
 * @returns {string}
 */
export function svgOf({ levels, rows }, { height, width, levels: count }) {
  const halves = [
    { from: 0, to: rows, colour: COOL },
    { from: rows, to: height, colour: WARM },
  ];
  const parts = halves.map(({ colour, ...part }) => {
    const rects = inkRuns(levels, { ...part, width }).map(({ x, y, length, level }) => {
      const faint = level < count - 1 ? ` opacity="${(level / (count - 1)).toFixed(3)}"` : "";
      return `<rect x="${x}" y="${y}" width="${length}" height="1"${faint}/>`;
    });
    return rects.length ? `<g fill="${hex(colour)}">${rects.join("")}</g>` : "";
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${16 * width}" ` +
    `height="${16 * height}" shape-rendering="crispEdges">` +
    `<rect width="${width}" height="${height}" fill="${hex(PAPER)}"/>${parts.join("")}</svg>\n`
  );
}

const hex = (colour) => `#${colour.map((c) => c.toString(16).padStart(2, "0")).join("")}`;

/** Runs of the same level, but 0, in the rows from one to another. */
function inkRuns(levels, { from, to, width }) {
  const runs = [];
  for (let y = from; y < to; y++) {
    for (let x = 0; x < width; x++) {
      const level = levels[y * width + x];
      if (!level) continue;
      const last = runs.at(-1);
      if (last?.y === y && last.level === level && last.x + last.length === x) last.length++;
      else runs.push({ x, y, length: 1, level });
    }
  }
  return runs;
}
