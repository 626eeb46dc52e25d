// Reads pictures in Node, for picture_reader.py. On the input for each picture height and width as 32-bit integers and its
// red, green, blue and alpha; on the output a line of JSON for each.

import { readFileSync } from "node:fs";
import { readDigit } from "../web/js/photo/read.js";

const input = readFileSync(0);
for (let at = 0; at < input.length; ) {
  const [height, width] = [input.readInt32LE(at), input.readInt32LE(at + 4)];
  const data = new Uint8ClampedArray(input.subarray(at + 8, at + 8 + 4 * height * width));
  at += 8 + data.length;
  const start = performance.now();
  const {
    ink,
    box,
    trouble = null,
  } = readDigit({ data, height, width }, { height: 28, width: 28 });
  const ms = performance.now() - start;
  console.log(JSON.stringify({ ink: ink && [...ink], box, trouble, ms }));
}
