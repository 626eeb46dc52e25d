// Pictures from outside: an uploaded photo of a digit made into ink as MNIST's was.
//
// It computes what `tests/picture_reader.py` does in Pillow and NumPy; a test compares them.

import { Refusal } from "../engine/pool.js";

const MAX_BYTES = 12e6;
const MAX_PIXELS = 50e6;
const WORKING_SIZE = 512; // a larger picture is reduced first
const BOX = 20 / 28; // MNIST scales a digit to a box of 20x20 in 28x28
const FAINT = 0.25; // of the darkest ink: what is fainter is paper
const MIN_CONTRAST = 16; // of 255

/**
 * Find the digit in a picture, and centre it: scaled to fit a 20x20 box, its centre of mass in the middle.
 * @param {Blob} file in any format that the browser reads
 * @param {number} height of the result
 * @param {number} width of the result
 * @returns {Promise<Uint8Array>} ink 0 to 255, row by row
 * @throws {Refusal} in one sentence, if it is no picture, is too large, or is blank
 */
export async function readPicture(file, height, width) {
  const digit = cropped(inkOf(await readGreys(file)));
  const scale = BOX * Math.min(height / digit.height, width / digit.width);
  const size = [digit.width, digit.height].map((n) => Math.max(1, roundEven(n * scale)));
  return centred(reduced(digit, ...size), height, width);
}

/** Greys 0 to 255, upright, on white where the picture is transparent. */
async function readGreys(file) {
  if (file.size > MAX_BYTES) {
    throw new Refusal("This file is larger than 12 MB: choose a smaller picture.");
  }
  const unread = new Refusal("This file is not a picture that can be read: try a PNG or JPEG.");
  if ((await countPixels(file, unread)) > MAX_PIXELS) {
    throw new Refusal("The picture is too large: at most 50 million pixels are taken.");
  }
  const options = { imageOrientation: "from-image", colorSpaceConversion: "none" };
  const bitmap = await createImageBitmap(file, options).catch(() => {
    throw unread;
  });
  const part = Math.min(1, WORKING_SIZE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * part));
  canvas.height = Math.max(1, Math.round(bitmap.height * part));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
  // Luma of ITU-R 601, rounded as Pillow does.
  const values = Uint8Array.from({ length: width * height }, (_, k) => {
    const [r, g, b] = data.subarray(4 * k, 4 * k + 3);
    return (19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16;
  });
  return { values, height, width };
}

/** How many pixels a picture has, which an image element tells before it decodes them. */
async function countPixels(file, unread) {
  const image = new Image();
  image.src = URL.createObjectURL(file.slice()); // without a type: only as one is a drawing (SVG) taken
  await new Promise((done, fail) => {
    image.onload = done;
    image.onerror = () => fail(unread);
  }).finally(() => URL.revokeObjectURL(image.src));
  return image.naturalWidth * image.naturalHeight;
}

/** Greys as ink 0 to 1: what differs from the paper, whose shade the picture's border tells. */
function inkOf({ values, height, width }) {
  const border = [
    ...[...values.subarray(0, width), ...values.subarray((height - 1) * width)],
    ...Array.from({ length: height }, (_, i) => values[i * width]),
    ...Array.from({ length: height }, (_, i) => values[(i + 1) * width - 1]),
  ];
  const paper = median(border);
  const [least, most] = values.reduce(
    ([low, high], each) => [Math.min(low, each), Math.max(high, each)],
    [255, 0],
  );
  const [darkest, lightest] = [paper - least, most - paper];
  const contrast = Math.max(darkest, lightest);
  if (contrast < MIN_CONTRAST) {
    throw new Refusal("This picture is blank: choose one of a digit.");
  }
  const sign = darkest >= lightest ? 1 : -1;
  const ink = (grey) => Math.max(0, Math.min(1, (sign * (paper - grey)) / contrast));
  return { values: Float64Array.from(values, ink), height, width };
}

/** The rows and columns that hold ink, as bytes. */
function cropped({ values, height, width }) {
  let [top, bottom, left, right] = [height, 0, width, 0];
  values.forEach((ink, at) => {
    if (ink <= FAINT) return;
    const [i, j] = [Math.floor(at / width), at % width];
    [top, bottom] = [Math.min(top, i), Math.max(bottom, i + 1)];
    [left, right] = [Math.min(left, j), Math.max(right, j + 1)];
  });
  const size = { height: bottom - top, width: right - left };
  const inside = Uint8Array.from({ length: size.height * size.width }, (_, at) => {
    const [i, j] = [Math.floor(at / size.width), at % size.width];
    return Math.floor(255 * values[(top + i) * width + left + j]);
  });
  return { values: inside, ...size };
}

/** Scaled by means over boxes, along rows and then along columns, as Pillow does: rounded after each. */
function reduced({ values, height, width }, newWidth, newHeight) {
  const across = boxes(width, newWidth);
  const down = boxes(height, newHeight);
  const rows = new Uint8Array(height * newWidth);
  for (let i = 0; i < height; i++) {
    across.forEach(({ from, to }, j) => {
      rows[i * newWidth + j] = mean(values, i * width + from, i * width + to, 1);
    });
  }
  const result = new Uint8Array(newHeight * newWidth);
  down.forEach(({ from, to }, i) => {
    for (let j = 0; j < newWidth; j++) {
      result[i * newWidth + j] = mean(rows, from * newWidth + j, to * newWidth + j, newWidth);
    }
  });
  return { values: result, height: newHeight, width: newWidth };
}

/** Which of `size` pixels make each of `count`: those whose middles lie in its box. */
function boxes(size, count) {
  const scale = size / count;
  const support = 0.5 * Math.max(1, scale);
  return Array.from({ length: count }, (_, k) => {
    const centre = (k + 0.5) * scale;
    const low = Math.max(0, Math.floor(centre - support + 0.5));
    const high = Math.min(size, Math.floor(centre + support + 0.5));
    const inside = Array.from({ length: high - low }, (_, n) => low + n).filter((n) => {
      const x = (n - centre + 0.5) / Math.max(1, scale);
      return x > -0.5 && x <= 0.5;
    });
    return { from: inside[0], to: inside.at(-1) + 1 };
  });
}

/** Of every `step`-th value, rounded. */
function mean(values, from, to, step) {
  let [sum, count] = [0, 0];
  for (let at = from; at < to; at += step) {
    sum += values[at];
    count++;
  }
  return Math.floor(sum / count + 0.5);
}

/** Place the digit so that its centre of mass is in the middle, as far as it stays whole. */
function centred(digit, height, width) {
  let [mass, down, across] = [0, 0, 0];
  digit.values.forEach((ink, at) => {
    mass += ink;
    down += ink * Math.floor(at / digit.width);
    across += ink * (at % digit.width);
  });
  const corner = (size, length, centre) =>
    Math.min(Math.max(roundEven((size - 1) / 2 - centre), 0), size - length);
  const top = corner(height, digit.height, down / mass);
  const left = corner(width, digit.width, across / mass);
  const sheet = new Uint8Array(height * width);
  for (let i = 0; i < digit.height; i++) {
    const row = digit.values.subarray(i * digit.width, (i + 1) * digit.width);
    sheet.set(row, (top + i) * width + left);
  }
  return sheet;
}

function median(numbers) {
  const sorted = numbers.sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}

/** As Python rounds: a half to the even number. */
function roundEven(value) {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 ? floor + 1 : floor;
}
