// A digit's strokes as ink on the pad: thickened to the pen, scaled to MNIST's box, its centre of mass in the middle.

const BOX = 20 / 28; // MNIST scales a digit to a box of 20x20 in 28x28
const PEN = 3; // pixels of the pad, as MNIST's: thinner strokes are thickened
const FINE = 8; // points each way for each pixel of the pad

/**
 * @param {{at(x: number, y: number): number, low: number, box: object}} digit contrasts, and where the digit is
 * @param {number} height of the pad
 * @param {number} width of the pad
 * @returns {Uint8Array} ink 0 to 255, row by row
 */
export function fitToPad(digit, height, width) {
  const { left, top, right, bottom } = digit.box;
  const room = BOX * Math.min(height, width) * FINE;
  // Thickening makes the digit larger, so the scale is found in two steps.
  let scale = room / Math.max(right - left, bottom - top);
  let grow = 0;
  let mask;
  for (let step = 0; step < 3; step++) {
    mask = sampled(digit, scale);
    grow = Math.max(0, (PEN * FINE - strokeWidth(mask)) / 2);
    scale = Math.max(1, room - 2 * grow) / Math.max(right - left, bottom - top);
  }
  mask = sampled(digit, scale, Math.ceil(grow) + 2);
  const distance = distances(mask);
  const cover = (each) => (each ? Math.max(0, Math.min(1, grow + 0.5 - each)) : 1);
  const fine = distance.map(cover);
  return centred({ ...mask, values: fine }, height, width);
}

/** The digit's strokes at a scale, as a mask with a margin. */
function sampled({ at, low, box }, scale, margin = 1) {
  const width = Math.max(1, Math.round((box.right - box.left) * scale)) + 2 * margin;
  const height = Math.max(1, Math.round((box.bottom - box.top) * scale)) + 2 * margin;
  const values = new Uint8Array(height * width);
  for (let i = 0; i < height; i++) {
    for (let j = 0; j < width; j++) {
      const x = box.left + (j - margin + 0.5) / scale;
      const y = box.top + (i - margin + 0.5) / scale;
      values[i * width + j] = at(x, y) > low ? 1 : 0;
    }
  }
  return { values, height, width };
}

/** The mean width of strokes: twice their area by their outline's length. */
function strokeWidth({ values, height, width }) {
  let [area, outline] = [0, 0];
  for (let i = 1; i < height; i++) {
    for (let j = 1; j < width; j++) {
      const here = values[i * width + j];
      area += here;
      outline += (here !== values[i * width + j - 1]) + (here !== values[(i - 1) * width + j]);
    }
  }
  // Counted along rows and columns an outline is longer than it is, on average over all directions by 4 / pi.
  return (2 * area) / ((Math.PI / 4) * Math.max(1, outline));
}

/** The mean width of the strokes of a labelled picture's members within a box. */
export function strokeWidthOf(labels, members, stride, { left, top, right, bottom }) {
  const [height, width] = [bottom - top + 2, right - left + 2];
  const values = new Uint8Array(height * width);
  for (let i = top; i < bottom; i++) {
    for (let j = left; j < right; j++) {
      values[(i - top + 1) * width + j - left + 1] = members.has(labels[i * stride + j]) ? 1 : 0;
    }
  }
  return strokeWidth({ values, height, width });
}

/** The distance of each pixel from the mask (Felzenszwalb and Huttenlocher 2012). */
function distances({ values, height, width }) {
  const far = (height + width) ** 2;
  const squares = Float64Array.from(values, (each) => (each ? 0 : far));
  const line = new Float64Array(Math.max(height, width));
  for (let j = 0; j < width; j++) envelope(squares, j, width, height, line);
  for (let i = 0; i < height; i++) envelope(squares, i * width, 1, width, line);
  return squares.map(Math.sqrt);
}

/** The lower envelope of parabolas on a line, in place. */
function envelope(squares, start, step, count, line) {
  const value = (k) => squares[start + k * step];
  const vertices = [0];
  const bounds = [-Infinity];
  for (let k = 1; k < count; k++) {
    let meet;
    for (;;) {
      const last = vertices.at(-1);
      meet = (value(k) + k * k - value(last) - last * last) / (2 * (k - last));
      if (meet > bounds.at(-1)) break;
      vertices.pop();
      bounds.pop();
    }
    vertices.push(k);
    bounds.push(meet);
  }
  let at = 0;
  for (let k = 0; k < count; k++) {
    while (at + 1 < vertices.length && bounds[at + 1] <= k) at++;
    line[k] = (k - vertices[at]) ** 2 + value(vertices[at]);
  }
  for (let k = 0; k < count; k++) squares[start + k * step] = line[k];
}

/** Reduced to the pad's pixels, the centre of mass in the middle as far as the digit stays whole. */
function centred(fine, height, width) {
  let [mass, down, across] = [0, 0, 0];
  fine.values.forEach((ink, at) => {
    mass += ink;
    down += ink * (Math.floor(at / fine.width) + 0.5);
    across += ink * ((at % fine.width) + 0.5);
  });
  const corner = (size, length, centre) =>
    Math.round(
      Math.min(Math.max((size * FINE) / 2 - centre, 0), Math.max(0, size * FINE - length)),
    );
  const top = corner(height, fine.height, down / mass);
  const left = corner(width, fine.width, across / mass);
  const sheet = new Float64Array(height * width);
  fine.values.forEach((ink, at) => {
    const i = Math.floor((top + Math.floor(at / fine.width)) / FINE);
    const j = Math.floor((left + (at % fine.width)) / FINE);
    if (i < height && j < width) sheet[i * width + j] += ink;
  });
  return Uint8Array.from(sheet, (sum) => Math.round((255 * sum) / FINE ** 2));
}
