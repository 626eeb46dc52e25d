// Numbers explained where they stand, in a plain sentence.

const counted = (amount, unit) => `${amount} ${unit}${amount === 1 ? "" : "s"}`;
const natsOf = (nats) => counted(Math.round(nats), "nat");
const bitsOf = (nats) => counted(Math.round(nats / Math.LN2), "bit");

export const freshSeed = () => Math.floor(Math.random() * 1e6);

/** `label` is the digit that the model was told to draw, if any. */
export function natsSentence(nats, what, label = null) {
  const told = label === null ? "" : `, told that it is a ${label},`;
  return `${natsOf(nats)}: the model${told} would need ${bitsOf(nats)} to write down ${what}.`;
}

/** A probability in percent; never all or nothing, as no model knows that. */
export function percent(part, decimals = 0) {
  const [share, step] = [100 * part, 10 ** -decimals];
  if (share >= 100 - step / 2) return `over ${100 - step} %`;
  return share < step / 2 ? `under ${step} %` : `${share.toFixed(decimals)} %`;
}

/** What a drawing is: the likeliest digit; "" for a model without digits, whose `posterior` is null. */
export function readingWords(posterior, unlike) {
  if (!posterior) return "";
  if (unlike) return "unlike any digit that the model knows";
  const digit = posterior.indexOf(Math.max(...posterior));
  return `most likely a ${digit}, ${percent(posterior[digit])}`;
}

/** Of the best completion, and of what the drawing is: for those who listen. */
export function completedSentence({ label, nats, reading }) {
  const best = `${label === null ? "" : `a ${label}, `}${natsOf(nats)}`;
  return `Completed${reading && `; ${reading}`}. The best completion: ${best}.`;
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
