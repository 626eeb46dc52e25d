// What the figures say, one plain sentence at a time.

import { sees } from "../field.js";

const SURE = 0.98; // one outcome is so probable that the die hardly matters
const FINEST = 6; // digits behind the point

const plural = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;

/** Two numbers with as many digits as tell them apart, three at least. */
export function apart(a, b) {
  let digits = 3;
  while (digits < FINEST && a.toFixed(digits) === b.toFixed(digits)) digits++;
  return [a.toFixed(digits), b.toFixed(digits)];
}

/** Whether the model was nearly certain of a pixel, and right. */
export function isSure(subject, index) {
  return subject.chosen(index) > SURE;
}

/** How many earlier pixels a pixel sees, and how many of those hold ink. */
function countSeen({ info, levels }, sight, index) {
  const seen = Array.from({ length: index }, (_, at) => at).filter((at) =>
    sees(sight, info, index, at),
  );
  return { seen: seen.length, inked: seen.filter((at) => levels[at] > 0).length };
}

export function seesSentence(subject, sight, index) {
  const { seen, inked } = countSeen(subject, sight, index);
  const missed = index - seen;
  const rest = missed
    ? ` It misses ${plural(missed, "earlier pixel")}, the chequered.`
    : " None is hidden from it.";
  return `The network looks at ${plural(seen, "earlier pixel")}, shaded; ${inked} of them hold ink.${rest}`;
}

export function answerSentence({ info, expected }, index) {
  const p = expected[index];
  if (info.levels === 2) return `It answers: ink, with probability ${p.toFixed(3)}.`;
  const mean = (p * (info.levels - 1)).toFixed(1);
  return `It answers with a probability for each of ${info.levels} levels; their mean is ${mean} of ${info.levels - 1}.`;
}

/** What the die, a uniform number from 0 to 1, decides. */
export function dieSentence(subject, index) {
  const { info, levels, uniforms } = subject;
  const parts = subject.probabilities(index);
  const level = levels[index];
  const below = parts.slice(0, level).reduce((a, b) => a + b, 0);
  const thrown = uniforms[index];
  if (info.levels > 2) {
    const [from, to] = [below, below + parts[level]].map((each) => each.toFixed(3));
    return `The die shows ${thrown.toFixed(3)}, which lies between ${from} and ${to}: the part of level ${level}.`;
  }
  const [die, threshold] = apart(thrown, parts[0]);
  return level
    ? `The die shows ${die}. That is not below ${threshold}, where the part of ink begins.`
    : `The die shows ${die}. That is below ${threshold}, where the part of ink begins.`;
}

export function costSentence({ info, levels, logProb }, index) {
  const level = levels[index];
  const ink = info.levels === 2 ? (level ? "ink" : "paper") : `level ${level}`;
  const nats = Math.abs(logProb[index]);
  return `So it is ${ink}. It had probability ${Math.exp(-nats).toFixed(3)}, and costs ${nats.toFixed(2)} nats.`;
}
