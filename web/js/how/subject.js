// What the figures of How it works are about: the visitor's own drawing, and how the model goes on from it.

/** The probability of each level of a pixel, from its logits: one of two levels, else one for each level. */
function probabilities(logits) {
  if (logits.length === 1) {
    const ink = 1 / (1 + Math.exp(-logits[0]));
    return [1 - ink, ink];
  }
  const most = Math.max(...logits);
  const parts = Array.from(logits, (each) => Math.exp(each - most));
  const sum = parts.reduce((a, b) => a + b, 0);
  return parts.map((each) => each / sum);
}

export class Subject {
  /**
   * @param {object} info the model's config, as `readConfig` gives it
   * @param {object} told what `Pool.follow` told of the drawing; `own`: whether the visitor drew it; `given`: -log p of
   *   the rows that are given, in nats; `whole`: what `Pool.posterior` says of the whole digit
   */
  constructor(info, told) {
    Object.assign(this, { info, ...told });
  }

  /** The first pixel that is drawn. */
  get first() {
    return this.rows * this.info.width;
  }

  get end() {
    return this.info.height * this.info.width;
  }

  /** The probability of each level of a drawn pixel, given all before it. */
  probabilities(index) {
    const { width } = this.info;
    const [row, column] = [Math.floor(index / width), index % width];
    const logits = this.logits[row - this.rows];
    const size = logits.length / width;
    return probabilities(logits.subarray(column * size, (column + 1) * size));
  }

  /** The probability of what a pixel became. */
  chosen(index) {
    return Math.exp(this.logProb[index]);
  }
}
