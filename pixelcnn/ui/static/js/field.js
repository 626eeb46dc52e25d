// What a pixel can see, as a shade over the picture.

import { inks, paint } from "./raster.js";

/**
 * Shade the earlier pixels that pixel `index` sees, chequer those that it does not.
 * `field` is [up][W - 1 + right], 1 where seen; null wipes the shade.
 */
export function paintField(canvas, field, { height, width, index }) {
  const { text } = inks();
  const [row, column] = [Math.floor(index / width), index % width];
  paint(canvas, height, width, (i, j) => {
    if (!field || i * width + j >= index) return null;
    if (field[row - i][j - column + width - 1]) return [text, 0.16];
    return (i + j) % 2 ? [text, 0.5] : null;
  });
}

export const FIELD_WORDS =
  "Shaded: what the marked pixel can see. Chequered: earlier, but in its blind spot or out of reach.";
