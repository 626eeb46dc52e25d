// A picture's pixels as greys, whatever ground shows through where it is transparent.

/**
 * @param {{data: Uint8ClampedArray, height: number, width: number}} pixels red, green, blue, alpha
 * @returns {{values: Float32Array, height: number, width: number}} luma 0 to 255
 */
export function toGreys({ data, height, width }) {
  const values = new Float32Array(height * width);
  let [seen, sum] = [0, 0];
  for (let k = 0; k < values.length; k++) {
    values[k] = 0.299 * data[4 * k] + 0.587 * data[4 * k + 1] + 0.114 * data[4 * k + 2];
    seen += data[4 * k + 3];
    sum += data[4 * k + 3] * values[k];
  }
  const shade = seen ? sum / seen : 0;
  // Little that is seen is ink, and its ground is what contrasts with it; much is paper, and goes on.
  const ground = seen / 255 > values.length / 2 ? shade : shade < 128 ? 255 : 0;
  for (let k = 0; k < values.length; k++) {
    const alpha = data[4 * k + 3] / 255;
    values[k] = alpha * values[k] + (1 - alpha) * ground;
  }
  return { values: smoothed(values, height, width), height, width };
}

/** Means of 3x3 pixels, where the picture has pixels enough: less of the camera's noise. */
function smoothed(values, height, width) {
  if (Math.max(height, width) < 300) return values;
  const rows = values.slice();
  for (let k = 1; k + 1 < values.length; k++) {
    if (k % width && (k + 1) % width) rows[k] = (values[k - 1] + values[k] + values[k + 1]) / 3;
  }
  const both = rows.slice();
  for (let k = width; k + width < values.length; k++) {
    both[k] = (rows[k - width] + rows[k] + rows[k + width]) / 3;
  }
  return both;
}
