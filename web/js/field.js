// What a pixel can see: its receptive field, from the taps of the layers; and a shade of it over the picture.

import { inks, paint } from "./raster.js";

const REACH = 3; // of the first layer, in pixels up and to each side
const LEFT = 12; // of the first horizontal layer, in pixels to the left

/** Taps [up, right] of a block of the vertical stack, and of a residual one. */
const tapsAbove = (d) => [-d, 0, d].map((right) => [d, right]);
const verticalTaps = (d) => [...tapsAbove(d), [0, -d], [0, 0], [0, d]];
const residualTaps = (d) => [...tapsAbove(d), [0, -d], [0, 0]];
const left = (n) => Array.from({ length: n }, (_, k) => [0, -1 - k]);

/** Rows above, of the first layer. */
const aboveTaps = Array.from({ length: REACH * (2 * REACH + 1) }, (_, k) => [
  1 + Math.floor(k / (2 * REACH + 1)),
  (k % (2 * REACH + 1)) - REACH,
]);

class Field {
  /** Offsets (up, right) from a pixel, within the image: entry [up * (2W-1) + W-1 + right] is 1 if seen. */
  constructor({ height, width }) {
    Object.assign(this, { height, width, seen: new Uint8Array(height * (2 * width - 1)) });
  }

  at(up, right) {
    return up * (2 * this.width - 1) + this.width - 1 + right;
  }

  add(up, right) {
    if (up < this.height && Math.abs(right) < this.width) this.seen[this.at(up, right)] = 1;
  }

  /** What is seen through a layer of these taps, by whoever sees this of its output. */
  through(taps) {
    const result = new Field(this);
    for (let up = 0; up < this.height; up++) {
      for (let right = 1 - this.width; right < this.width; right++) {
        if (!this.seen[this.at(up, right)]) continue;
        for (const [more, aside] of taps) result.add(up + more, right + aside);
      }
    }
    return result;
  }

  with(other) {
    other.seen.forEach((seen, at) => {
      this.seen[at] |= seen;
    });
    return this;
  }
}

const reversed = (dilations) => [...dilations].reverse();

/** The pixel itself: what is seen of it before any layer. */
function pixel(info) {
  const self = new Field(info);
  self.add(0, 0);
  return self;
}

/** What one stack of masked convolutions sees. */
function maskedField(info) {
  let field = pixel(info);
  for (const d of reversed(info.dilations)) field = field.through(residualTaps(d));
  return field.through([...aboveTaps, ...left(REACH)]);
}

/** What the two stacks see: the vertical one above, through its links, and the horizontal one in the row. */
function stackFields(info) {
  // The last vertical features are read by every horizontal block: the first of them reads the furthest.
  let row = pixel(info);
  let linked = row;
  for (const d of reversed(info.horizontalDilations)) {
    linked = row;
    row = row.through([
      [0, -d],
      [0, 0],
    ]);
  }
  let above = linked;
  for (const d of reversed(info.dilations)) above = above.through(verticalTaps(d));
  return { vertical: above.through(aboveTaps), horizontal: row.through(left(LEFT)) };
}

/**
 * What each stack of a gated network sees, as `receptiveField` tells it.
 * @param {object} info
 * @returns {{vertical: Uint8Array, horizontal: Uint8Array}}
 */
export function stacks(info) {
  const { vertical, horizontal } = stackFields(info);
  return { vertical: vertical.seen, horizontal: horizontal.seen };
}

/**
 * Which earlier pixels the logits of a pixel depend on, by their offset from it.
 * @param {object} info a model's config, as `readConfig` gives it
 * @returns {Uint8Array} (H, 2W-1): entry [up][W-1 + right] is 1 if that pixel is seen
 */
export function receptiveField(info) {
  if (!info.gated) return maskedField(info).seen;
  const { vertical, horizontal } = stackFields(info);
  return vertical.with(horizontal).seen;
}

/**
 * Whether pixel `at` is seen from a later pixel `index`.
 * @param {Uint8Array} seen of `receptiveField`
 */
export function sees(seen, { width }, index, at) {
  const up = Math.floor(index / width) - Math.floor(at / width);
  return seen[up * (2 * width - 1) + (at % width) - (index % width) + width - 1] === 1;
}

/**
 * Shade the earlier pixels that pixel `index` sees, chequer those that it does not.
 * `seen` is of `receptiveField`; null wipes the shade.
 */
export function paintField(canvas, seen, info, index) {
  const { width } = info;
  const { text } = inks();
  paint(canvas, info, (at) => {
    if (!seen || at >= index) return 0;
    if (sees(seen, info, index, at)) return text[41];
    return (Math.floor(at / width) + at) % 2 ? text[128] : 0;
  });
}

export const FIELD_WORDS =
  "Shaded: what the marked pixel can see. Chequered: earlier, but in its blind spot or out of reach.";
