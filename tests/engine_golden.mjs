// What an engine computes of a few seeds, down to the bits: for golden_engine.py, in Node and in Chromium.

/** 32 bits that tell the bytes of an array from others (FNV-1a). */
function hash(array) {
  let sum = 0x811c9dc5;
  for (const byte of new Uint8Array(array.buffer, array.byteOffset, array.byteLength)) {
    sum = Math.imul(sum ^ byte, 0x01000193);
  }
  return (sum >>> 0).toString(16).padStart(8, "0");
}

/**
 * Digits, completions, logits and likelihoods of an engine, as text that changes with any bit of them.
 * @param {import("../web/engine/engine.js").Engine} engine
 * @param {(task: Generator) => unknown} finish
 */
export function golden(engine, finish) {
  const { classes, freehand: both, height } = engine.config;
  const rows = height >> 1;
  const lines = [];
  for (const freehand of both ? [false, true] : [false]) {
    for (const label of classes ? [0, classes - 1] : [null]) {
      for (const seed of [0, 2 ** 32 - 1]) {
        const digit = finish(engine.draw({ seed, label, freehand }));
        const logits = hash(engine.logits());
        engine.give(digit.levels);
        const half = { rows, seed, label, freehand, temperature: 0.7 };
        const completion = finish(engine.draw(half));
        const bits = [digit, completion].flatMap(({ levels, logProb, entropy, expected }) =>
          [levels, logProb, entropy, expected].map((each) => hash(each)),
        );
        const read = hash(Float64Array.from(finish(engine.read({ rows, freehand }))));
        lines.push(
          `freehand ${freehand}, label ${label}, seed ${seed}: ${bits.join(" ")} ${logits} ${read}`,
        );
      }
    }
  }
  return lines;
}
