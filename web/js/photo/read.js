// A digit in a picture, read as a scanner app does: its ink on whatever paper, without rulings, shadows and desk.

import { fitToPad, strokeWidthOf } from "./fit.js";
import { toGreys } from "./greys.js";
import { findMarks } from "./marks.js";
import { findDigit } from "./parts.js";
import { removeRulings } from "./rulings.js";

const BROAD = 0.5; // of its height: a broader stroke is none
const WIDEST = 1.7; // times its height: wider than a digit is
const CROWD = 0.35; // of the picture covered by ink

const TROUBLE = {
  none: "There is no ink in this picture: choose one with a single digit.",
  several: "There are several digits or words in this picture: crop it to one digit.",
  blot: "The largest thing in this picture is no stroke of a pen: crop it to the digit.",
  wide: "The ink in this picture is wider than a digit: crop it to one digit.",
  crowd:
    "Nearly everything in this picture looks like ink: crop it to the digit, or take one on plain paper.",
};

/**
 * @param {{data: Uint8ClampedArray, height: number, width: number}} pixels red, green, blue, alpha
 * @param {{height: number, width: number}} pad
 * @returns {{ink?: Uint8Array, box?: object, others?: object[], trouble?: string}} ink 0 to 255 for the pad, where the digit
 *   was seen in the picture, and what is wrong with it, in a sentence. There is no ink if there is no digit.
 */
export function readDigit(pixels, { height, width }) {
  const marks = findMarks(toGreys(pixels));
  if (!marks) return { trouble: TROUBLE.none };
  removeRulings(marks);
  const digit = findDigit(marks);
  if (!digit) return { trouble: TROUBLE.none };
  const { box, others } = digit;
  const ink = fitToPad({ at: sampler(marks, digit), low: marks.low, box }, height, width);
  const trouble = TROUBLE[whatIsWrong(marks, digit)];
  return { ink, box, others, trouble };
}

function whatIsWrong(marks, { box, others, area, labels, members }) {
  const [high, wide] = [box.bottom - box.top, box.right - box.left];
  if (area > CROWD * marks.values.length) return "crowd";
  if (others.length) return "several";
  if (wide > WIDEST * high) return "wide";
  if (strokeWidthOf(labels, members, marks.width, box) > BROAD * Math.max(high, wide))
    return "blot";
  return null;
}

/** Contrasts between pixels, and only of the digit and of what touches it. */
function sampler({ values, height, width }, { labels, members }) {
  const kept = (i, j) => {
    if (i < 0 || j < 0 || i >= height || j >= width) return 0;
    const at = i * width + j;
    return !labels[at] || members.has(labels[at]) ? values[at] : 0;
  };
  return (x, y) => {
    const [i, j] = [Math.floor(y - 0.5), Math.floor(x - 0.5)];
    const [v, u] = [y - 0.5 - i, x - 0.5 - j];
    return (
      (1 - v) * ((1 - u) * kept(i, j) + u * kept(i, j + 1)) +
      v * ((1 - u) * kept(i + 1, j) + u * kept(i + 1, j + 1))
    );
  };
}
