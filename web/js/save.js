// Files to keep: a grid as PNG, an animation as GIF.

import { animate } from "./animation.js";

const SCALE = 4;
const GAP = 2;
const COLUMNS = 8;

function download(name, blob) {
  const link = document.createElement("a");
  link.download = name;
  link.href = URL.createObjectURL(blob);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Save samples as a grid of dark ink on white. */
export function savePng({ samples, seed, request }, { height, width, levels: count }) {
  const columns = Math.min(COLUMNS, samples.length);
  const sheet = document.createElement("canvas");
  sheet.width = SCALE * (columns * (width + GAP) + GAP);
  sheet.height = SCALE * (Math.ceil(samples.length / columns) * (height + GAP) + GAP);
  const context = sheet.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, sheet.width, sheet.height);
  samples.forEach(({ levels }, k) => {
    const left = GAP + (k % columns) * (width + GAP);
    const top = GAP + Math.floor(k / columns) * (height + GAP);
    levels.forEach((level, at) => {
      const [i, j] = [Math.floor(at / width), at % width];
      context.fillStyle = `rgb(0 0 0 / ${level / (count - 1)})`;
      context.fillRect(SCALE * (left + j), SCALE * (top + i), SCALE, SCALE);
    });
  });
  sheet.toBlob((blob) => download(`pixelcnn-${request.model}-seed-${seed}.png`, blob));
}

/** Save a digit that appears pixel by pixel as an animated GIF. */
export function saveGif(trace, info) {
  download("pixelcnn.gif", new Blob([animate(trace, info)], { type: "image/gif" }));
}
