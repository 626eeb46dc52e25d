// Pictures from outside: a file opened, of which the whole or a part can be looked at.

import { Refusal } from "../engine/pool.js";

const MAX_BYTES = 12e6;
const MAX_PIXELS = 50e6;
const WORKING_SIZE = 640; // a larger picture is reduced first

/**
 * @param {Blob} file in any format that the browser reads
 * @returns {Promise<ImageBitmap>} upright
 * @throws {Refusal} in one sentence, if it is no picture or is too large
 */
export async function openPicture(file) {
  if (file.size > MAX_BYTES) {
    throw new Refusal("This file is larger than 12 MB: choose a smaller picture.");
  }
  const unread = new Refusal("This file is not a picture that can be read: try a PNG or JPEG.");
  if ((await countPixels(file, unread)) > MAX_PIXELS) {
    throw new Refusal("The picture is too large: at most 50 million pixels are taken.");
  }
  const options = { imageOrientation: "from-image", colorSpaceConversion: "none" };
  return createImageBitmap(file, options).catch(() => {
    throw unread;
  });
}

/** A part of a picture, reduced to the size at which it is read. */
export function pixelsOf(bitmap, { left, top, width, height }) {
  const part = Math.min(1, WORKING_SIZE / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * part));
  canvas.height = Math.max(1, Math.round(height * part));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, left, top, width, height, 0, 0, canvas.width, canvas.height);
  return context.getImageData(0, 0, canvas.width, canvas.height);
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
