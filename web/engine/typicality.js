// How usual a drawing is: its surprise, ranked among those of digits; see pixelcnn/density/reference.py.

import { embeddingSizes, Refusal } from "./tensors.js";

const isSorted = (numbers) =>
  Array.isArray(numbers) &&
  numbers.every((each, k) => Number.isFinite(each) && (k === 0 || each >= numbers[k - 1]));

/**
 * The condition of what is no digit: the row that each table of conditions gets, by its name.
 * @returns {Object<string, Float32Array> | null | undefined} null where none was fitted, undefined if it is damaged
 */
function readOutliers(values = {}, config) {
  if (values === null || typeof values !== "object" || Array.isArray(values)) return undefined;
  const rows = Object.entries(values).map(([name, row]) => [
    name,
    Float32Array.from(Array.isArray(row) ? row : []),
  ]);
  if (!rows.length) return null;
  const sizes = embeddingSizes(config);
  const good = ([name, row]) => row.length === sizes.get(name) && row.every(Number.isFinite);
  return rows.length === sizes.size && rows.every(good) ? Object.fromEntries(rows) : undefined;
}

export class Reference {
  /**
   * @param {object} values as parsed from typicality.json
   * @param {ReturnType<import("./tensors.js").readConfig>} config of the model that it was measured with
   * @throws {Refusal} in one sentence, if it is damaged or another model's
   */
  constructor(values, config) {
    const { shares, nats, freehand } = values ?? {};
    const outliers = readOutliers(values?.outliers, config);
    const good =
      isSorted(shares) &&
      Array.isArray(nats) &&
      nats.length === config.height + 1 &&
      nats.every((each) => isSorted(each) && each.length === shares.length) &&
      freehand === config.freehand &&
      outliers !== undefined;
    if (!good) throw new Refusal("typicality.json is damaged, or another model's.");
    Object.assign(this, { shares, nats, freehand, outliers });
  }

  /**
   * The share of drawings whose first rows are at least as surprising.
   * @param {number} nats -log p of the first rows, less that of what is no digit where there are `outliers`
   * @param {number} rows
   * @returns {number} from 0, more surprising than all drawings, to 1
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
