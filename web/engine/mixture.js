// A model with classes is a mixture: p(x) is the mean over the classes of p(x | y). What follows from that.

/** log of a sum of exponentials. */
function logSumExp(values) {
  const most = Math.max(...values);
  return most + Math.log(values.reduce((sum, each) => sum + Math.exp(each - most), 0));
}

/**
 * p(y | rows), from log p(rows | y) of every class.
 * @param {ArrayLike<number>} logProbs
 * @returns {Float32Array} adding up to 1
 */
export function posterior(logProbs) {
  const values = Array.from(logProbs);
  const sum = logSumExp(values);
  return Float32Array.from(values, (each) => Math.exp(each - sum));
}

/** -log p(rows) in nats, from log p(rows | y) of every class. */
export function mixtureNats(logProbs) {
  return Math.log(logProbs.length) - logSumExp(Array.from(logProbs));
}

/** The class that a uniform draws: the number of boundaries of the CDF that it has reached. */
export function drawClass(probabilities, uniform) {
  let sum = 0;
  let label = 0;
  // In float32, as PyTorch adds.
  for (let k = 0; k < probabilities.length - 1; k++) {
    sum = Math.fround(sum + probabilities[k]);
    if (sum <= uniform) label++;
  }
  return label;
}

/** Each class equally likely. */
export function uniformPosterior(classes) {
  return new Float32Array(classes).fill(1 / classes);
}

/**
 * How probable each class is before every pixel, and after the last.
 * @param {Float32Array[]} logProbs log p(pixel | earlier pixels, y) of each class, (channels, pixels)
 * @param {number} pixels
 * @returns {Float32Array} (pixels + 1, classes)
 */
export function posteriorByPixel(logProbs, pixels) {
  const sums = logProbs.map(() => 0);
  const result = new Float32Array((pixels + 1) * sums.length);
  for (let at = 0; at <= pixels; at++) {
    result.set(posterior(sums), at * sums.length);
    if (at === pixels) break;
    logProbs.forEach((each, y) => {
      for (let k = at; k < each.length; k += pixels) sums[y] += each[k];
    });
  }
  return result;
}
