// Marks on a ground: what is darker or lighter than the paper around it, however the light falls.
//
// The ground's shade at a pixel is a morphological closing (for dark ink) or opening (for light ink) of the
// picture: both keep what is broader than a stroke, such as a shadow or a desk. See Gonzalez and Woods, "Digital
// Image Processing", section 9.6.3, on top-hat and bottom-hat transforms.

const REACH = 0.1; // of the longer side: a stroke is less than twice as broad
const OFFSET = 16; // greys: in the dark, noise is no contrast
const LEAST = 0.06; // contrast of ink
const SPREADS = 6; // of the paper's own contrasts, that ink exceeds
const EDGE = 0.4; // a stroke ends where its contrast falls to this share
const BINS = 256;

/**
 * @param {{values: Float32Array, height: number, width: number}} greys
 * @returns {{values: Float32Array, height: number, width: number, low: number, high: number} | null} the contrast of each
 *   pixel, 0 to 1; strokes have more than `high` and reach as far as it exceeds `low`. Null: there is no ink.
 */
export function findMarks(greys) {
  const { height, width } = greys;
  const reach = Math.max(2, Math.round(REACH * Math.max(height, width)));
  const readings = [false, true].flatMap((negative) => {
    const values = contrasts(greys, reach, negative);
    const limits = thresholds(values);
    if (!limits) return [];
    return [{ values, ...limits, weight: evidence(greys, values, limits, 2 * reach, negative) }];
  });
  if (!readings.length) return null;
  const best = readings.reduce((a, b) => (b.weight > a.weight ? b : a));
  return { values: best.values, height, width, low: best.low, high: best.high };
}

/** How much darker each pixel is than its ground; of a negative, how much lighter. */
function contrasts({ values, height, width }, reach, negative) {
  const sign = negative ? -1 : 1;
  const signed = values.map((each) => sign * each);
  const highest = slide(signed, height, width, reach);
  const lowest = slide(
    highest.map((each) => -each),
    height,
    width,
    reach,
  );
  // A shadow multiplies the shades of paper and ink alike, so the contrast is a ratio.
  return values.map((each, at) => {
    const ground = -sign * lowest[at];
    return (sign * (ground - each)) / (Math.max(ground, each) + OFFSET);
  });
}

/** The highest of each square of 2 * reach + 1 pixels, in a time that does not depend on its size. */
function slide(values, height, width, reach) {
  const [left, right] = [0, 1].map(() => new Float32Array(Math.max(height, width) + 2 * reach));
  const result = values.slice();
  for (let i = 0; i < height; i++) slideLine(result, i * width, 1, width, reach, left, right);
  for (let j = 0; j < width; j++) slideLine(result, j, width, height, reach, left, right);
  return result;
}

/** A line in place, by the highest from the left and from the right within blocks (van Herk 1992). */
function slideLine(values, start, step, count, reach, left, right) {
  const size = 2 * reach + 1;
  const padded = count + 2 * reach;
  left.fill(-Infinity, 0, padded);
  for (let k = 0; k < count; k++) left[k + reach] = values[start + k * step];
  right.set(left.subarray(0, padded));
  for (let k = 1; k < padded; k++) {
    if (k % size && left[k - 1] > left[k]) left[k] = left[k - 1];
  }
  for (let k = padded - 2; k >= 0; k--) {
    if ((k + 1) % size && right[k + 1] > right[k]) right[k] = right[k + 1];
  }
  for (let k = 0; k < count; k++) {
    values[start + k * step] = Math.max(right[k], left[k + size - 1]);
  }
}

/**
 * How far the marks differ from the mean around them, all together. Paper within a loop is a mark, too, of a negative;
 * but it is like the paper around.
 */
function evidence({ values, height, width }, contrast, { low }, reach, negative) {
  const sums = new Float64Array((height + 1) * (width + 1));
  for (let i = 0; i < height; i++) {
    for (let j = 0, row = 0; j < width; j++) {
      row += values[i * width + j];
      sums[(i + 1) * (width + 1) + j + 1] = sums[i * (width + 1) + j + 1] + row;
    }
  }
  let total = 0;
  for (let at = 0; at < values.length; at++) {
    if (contrast[at] <= low) continue;
    const [i, j] = [Math.floor(at / width), at % width];
    const [top, bottom] = [Math.max(0, i - reach), Math.min(height, i + reach + 1)];
    const [left, right] = [Math.max(0, j - reach), Math.min(width, j + reach + 1)];
    const corner = (y, x) => sums[y * (width + 1) + x];
    const sum =
      corner(bottom, right) - corner(top, right) - corner(bottom, left) + corner(top, left);
    const mean = sum / ((bottom - top) * (right - left));
    total += Math.max(0, (negative ? -1 : 1) * (mean - values[at]));
  }
  return total;
}

/** From where on a contrast is ink. Null if there is none. */
function thresholds(values) {
  const counts = new Float64Array(BINS);
  for (const each of values) counts[Math.min(BINS - 1, Math.floor(each * BINS))]++;
  const paper = quantile(counts, 0.5);
  const spread = paper - quantile(counts, 0.1) + 1 / BINS;
  const floor = Math.max(LEAST, paper + SPREADS * spread);
  const above = counts.map((count, bin) => ((bin + 0.5) / BINS > floor ? count : 0));
  const total = above.reduce((sum, each) => sum + each, 0);
  if (total < 4) return null;
  const strong = meanAbove(above, otsu(above));
  const low = Math.max(floor, paper + EDGE * (strong - paper));
  const high = Math.max(low, paper + 0.75 * (strong - paper));
  return { low, high };
}

function quantile(counts, share) {
  let left = share * counts.reduce((sum, each) => sum + each, 0);
  const bin = counts.findIndex((count) => {
    left -= count;
    return left <= 0;
  });
  return (bin + 0.5) / BINS;
}

/** The bin that best parts a histogram in two (Otsu 1979). */
function otsu(counts) {
  const total = counts.reduce((sum, each) => sum + each, 0);
  const moment = counts.reduce((sum, each, bin) => sum + each * bin, 0);
  let [below, sum, best, where] = [0, 0, -1, 0];
  counts.forEach((count, bin) => {
    below += count;
    sum += count * bin;
    if (!below || below === total) return;
    const gap = sum / below - (moment - sum) / (total - below);
    const between = below * (total - below) * gap * gap;
    if (between > best) [best, where] = [between, bin];
  });
  return where;
}

function meanAbove(counts, limit) {
  let [sum, total] = [0, 0];
  counts.forEach((count, bin) => {
    if (bin <= limit && counts.some((each, k) => k > limit && each)) return;
    sum += count * (bin + 0.5);
    total += count;
  });
  return sum / total / BINS;
}
