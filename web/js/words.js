// Numbers explained where they stand, in a plain sentence.

const bits = (nats) => Math.round(nats / Math.LN2);

export const freshSeed = () => Math.floor(Math.random() * 1e6);

/** `label` is the digit that the model was told to draw, if any. */
export function natsSentence(nats, what, label = null) {
  const told = label === null ? "" : `, told that it is a ${label},`;
  return `${nats.toFixed(0)} nats: the model${told} would need ${bits(nats)} bits to write down ${what}.`;
}

/** What the model thought of one pixel of a trace. */
export function pixelSentence(trace, { width, levels: count }, index) {
  const row = Math.floor(index / width);
  const place = `row ${row}, column ${index % width}`;
  if (row < trace.rows) return `${place}: given`;
  const [level, expected, nats] = [trace.levels[index], trace.expected[index], trace.nats[index]];
  const cost = `${nats.toFixed(2)} nats`;
  if (count === 2) {
    return `${place}: p(ink) ${expected.toFixed(2)}, drew ${level ? "ink" : "no ink"}, ${cost}`;
  }
  const drew = `drew ${level} of ${count - 1}, p ${Math.exp(-nats).toFixed(2)}`;
  return `${place}: expected ${(expected * (count - 1)).toFixed(1)}, ${drew}, ${cost}`;
}
