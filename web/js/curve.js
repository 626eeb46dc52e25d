// The running nats as a curve over all pixels; the scrubber lies on top of it.

import { inks } from "./raster.js";

/** Sums of the nats before each pixel, and after the last. */
export function runningNats(trace) {
  const sums = new Float64Array(trace.nats.length + 1);
  trace.nats.forEach((nats, k) => {
    sums[k + 1] = sums[k] + nats;
  });
  return sums;
}

/** Draw the sums up to `index` warm, the rest faint. */
export function drawCurve(canvas, sums, index) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (!width) return;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const top = Math.max(sums.at(-1), 1);
  const point = (k) => [
    (k / (sums.length - 1)) * width,
    height - 3 - (sums[k] / top) * (height - 8),
  ];
  const { warm, text } = inks();
  const line = (from, to, colour, opacity, thickness) => {
    context.beginPath();
    for (let k = from; k <= to; k++) context.lineTo(...point(k));
    context.strokeStyle = colour.css;
    context.globalAlpha = opacity;
    context.lineWidth = thickness;
    context.stroke();
  };
  line(index, sums.length - 1, text, 0.3, 1.5);
  line(0, index, warm, 1, 2.5);
  context.beginPath();
  context.arc(...point(index), 5, 0, 2 * Math.PI);
  context.fillStyle = warm.css;
  context.fill();
}
