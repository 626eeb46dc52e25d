// Digits to start from, drawn as a pen would: strokes of points [x, y], in parts of the image.

import { Ink } from "./ink.js";

const PEN = 2.25; // pixels of an image of 28
const ARC = 24; // points of a whole turn

/** Points along an ellipse, from one angle to another in degrees; 0 is to the right, 90 is down. */
function arc(x, y, rx, ry, from, to) {
  const steps = Math.ceil((Math.abs(to - from) / 360) * ARC);
  return Array.from({ length: steps + 1 }, (_, k) => {
    const angle = ((from + ((to - from) * k) / steps) * Math.PI) / 180;
    return [x + rx * Math.cos(angle), y + ry * Math.sin(angle)];
  });
}

// Their top halves leave open what they are.
const DIGITS = [
  [[...arc(0.48, 0.33, 0.16, 0.15, 195, 395), [0.33, 0.8], [0.7, 0.8]]], // a two
  [[...arc(0.47, 0.34, 0.14, 0.15, -30, -390), [0.57, 0.84]]], // a nine
  [[[0.66, 0.2], [0.42, 0.2], [0.38, 0.45], ...arc(0.48, 0.63, 0.17, 0.18, 235, 500)]], // a five
  [[...arc(0.47, 0.32, 0.15, 0.14, 210, 440), ...arc(0.47, 0.63, 0.18, 0.18, -80, 150)]], // a three
  [arc(0.5, 0.33, 0.12, 0.14, 0, 360), arc(0.5, 0.64, 0.15, 0.17, 0, 360)], // an eight
];

/** Each preset as ink 0..255. */
export function makePresets({ height, width }) {
  const size = (PEN * Math.min(height, width)) / 28;
  return DIGITS.map((strokes) => {
    const ink = new Ink(height, width);
    for (const stroke of strokes) {
      const points = stroke.map(([x, y]) => [x * width, y * height]);
      for (let k = 1; k < points.length; k++) {
        ink.line(points[k - 1], points[k], size, { rows: height });
      }
    }
    return ink.values;
  });
}
