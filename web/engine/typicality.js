// How usual a drawing is: its nats, ranked among those of drawings of digits; see pixelcnn/density/reference.py.

import { Refusal } from "./tensors.js";

const isSorted = (numbers) =>
  Array.isArray(numbers) &&
  numbers.every((each, k) => Number.isFinite(each) && (k === 0 || each >= numbers[k - 1]));

export class Reference {
  /**
   * @param {object} values as parsed from typicality.json
   * @param {ReturnType<import("./tensors.js").readConfig>} config of the model that it was measured with
   * @throws {Refusal} in one sentence, if it is damaged or another model's
   */
  constructor(values, config) {
    const { shares, nats, freehand } = values ?? {};
    const good =
      isSorted(shares) &&
      Array.isArray(nats) &&
      nats.length === config.height + 1 &&
      nats.every((each) => isSorted(each) && each.length === shares.length) &&
      freehand === config.freehand;
    if (!good) throw new Refusal("typicality.json is damaged, or another model's.");
    Object.assign(this, { shares, nats, freehand });
  }

  /**
   * The share of drawings whose first rows are at least as improbable.
   * @param {number} nats -log p of the first rows
   * @param {number} rows
   * @returns {number} from 0, more improbable than all drawings, to 1
   */
  typicality(nats, rows) {
    if (rows === 0) return 1;
    const { shares } = this;
    const known = this.nats[rows];
    const reached = known.filter((each) => each <= nats).length;
    const right = Math.min(Math.max(reached, 1), known.length - 1);
    const step = Math.max(known[right] - known[right - 1], 1e-6);
    const part = Math.min(Math.max((nats - known[right - 1]) / step, 0), 1);
    return 1 - (shares[right - 1] + part * (shares[right] - shares[right - 1]));
  }
}
