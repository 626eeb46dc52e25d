// A digit drawn pixel by pixel, as an animated GIF.

import { GIFEncoder } from "../vendor/gifenc/gifenc.esm.js";

const SCALE = 8;
const FRAME_MS = 20; // the shortest that browsers honour
const HOLD_MS = 2500; // the whole digit, before it starts again
export const [PAPER, COOL, WARM] = [
  [255, 255, 255],
  [29, 95, 166],
  [184, 72, 12],
];
const STEPS = 127; // shades of each ink; with the paper and what is transparent they fit one palette
const KEPT = 255; // transparent: what was there stays

function shades(ink) {
  return Array.from({ length: STEPS }, (_, k) => {
    const mix = (k + 1) / STEPS;
    return PAPER.map((paper, c) => Math.round(paper * (1 - mix) + ink[c] * mix));
  });
}

const PALETTE = [PAPER, ...shades(COOL), ...shades(WARM), PAPER];

/**
 * Animate an image, the rows given first, in the cool ink.
 * @param {{levels: Uint8Array, rows: number}} trace
 * @param {{height: number, width: number, levels: number}} info
 * @returns {Uint8Array} the file
 */
export function animate({ levels, rows }, { height, width, levels: count }) {
  const given = rows * width;
  const colour = (at) => {
    const shade = Math.floor((levels[at] * STEPS) / (count - 1));
    return shade && (at < given ? shade : STEPS + shade);
  };
  const [high, wide] = [SCALE * height, SCALE * width];
  const picture = new Uint8Array(high * wide);
  const fill = (at, value) => {
    const [i, j] = [Math.floor(at / width), at % width];
    for (let y = SCALE * i; y < SCALE * (i + 1); y++) {
      picture.fill(value, y * wide + SCALE * j, y * wide + SCALE * (j + 1));
    }
  };
  const file = GIFEncoder();
  const write = (delay, options) => file.writeFrame(picture, wide, high, { delay, ...options });

  // A pixel without ink changes nothing: the frame before it stays for longer.
  const inked = [];
  for (let at = given; at < levels.length; at++) if (levels[at]) inked.push(at);
  const until = [...inked, levels.length];
  const delay = (k, from) => FRAME_MS * (until[k] - from) + (k === inked.length ? HOLD_MS : 0);
  for (let at = 0; at < given; at++) fill(at, colour(at));
  write(delay(0, given - 1), { palette: PALETTE, repeat: 0 });
  picture.fill(KEPT);
  inked.forEach((at, k) => {
    fill(at, colour(at));
    write(delay(k + 1, at), { transparent: true, transparentIndex: KEPT, dispose: 1 });
    fill(at, KEPT);
  });
  file.finish();
  return file.bytes();
}
