// The rulings of lined and squared paper: thin lines from side to side, which may be tilted or bent a little.
//
// The picture is cut into upright strips. In each a ruling is a nearly straight piece of line; pieces that continue
// each other are a chain; a chain through most strips is a ruling. What crosses it stays, as in the removal of staff
// lines from sheet music (Dalitz et al. 2008, "A comparative study of staff removal algorithms").

const STRIPS = 16;
const SLOPES = [-0.09, -0.06, -0.03, 0, 0.03, 0.06, 0.09];
const FILLED = 0.7; // of a strip's width, in a piece of line
const THICKEST = 0.012; // of the longer side
const SPAN = 0.6; // of the strips, in a chain
const DARKER = 1.35; // times a ruling's contrast: ink that lies on it

/** Remove rulings from marks, in place, both across and down. */
export function removeRulings(marks) {
  const { values, height, width } = marks;
  const across = (i, j) => i * width + j;
  const down = (i, j) => j * width + i;
  const found = [
    ...rulings(marks, height, width, across).map((chain) => ({
      chain,
      at: across,
      length: width,
      depth: height,
    })),
    ...rulings(marks, width, height, down).map((chain) => ({
      chain,
      at: down,
      length: height,
      depth: width,
    })),
  ];
  const before = values.slice();
  for (const each of found) erase(before, values, marks.low, each);
  return found.length;
}

function rulings({ values, low }, depth, length, at) {
  const step = length / STRIPS;
  if (step < 8) return [];
  const thickest = Math.max(2, Math.ceil(THICKEST * Math.max(depth, length)));
  let open = [];
  const done = [];
  for (let strip = 0; strip < STRIPS; strip++) {
    const [from, to] = [Math.round(strip * step), Math.round((strip + 1) * step)];
    const pieces = findPieces(values, low, { depth, from, to, at, thickest });
    for (const piece of pieces) {
      const chain = open.find(({ strip: last, end, slope }) => {
        const gap = strip - last - 1;
        const reach = thickest + gap * 2;
        return gap < 5 && last < strip && Math.abs(end + slope * gap * step - piece.start) <= reach;
      });
      const next = { x: (from + to) / 2, y: (piece.start + piece.end) / 2 };
      if (chain) {
        chain.points.push(next);
        Object.assign(chain, { strip, end: piece.end, slope: piece.slope });
      } else open.push({ points: [next], strip, end: piece.end, slope: piece.slope });
    }
    done.push(...open.filter(({ strip: last }) => strip - last > 5));
    open = open.filter(({ strip: last }) => strip - last <= 5);
  }
  return [...done, ...open].filter(({ points }) => points.length >= SPAN * STRIPS);
}

/** Thin lines through a strip: where the marks fill a slanted row, and not the rows beside it. */
function findPieces(values, low, { depth, from, to, at, thickest }) {
  const filled = SLOPES.map((slope) => {
    const rows = new Float32Array(depth);
    for (let i = 0; i < depth; i++) {
      for (let j = from; j < to; j++) {
        const y = Math.round(i + slope * (j - from));
        if (y >= 0 && y < depth && values[at(y, j)] > low) rows[i]++;
      }
    }
    return rows;
  });
  const enough = FILLED * (to - from);
  const pieces = [];
  for (let i = 0; i < depth; i++) {
    let best = -1;
    for (let k = 0; k < SLOPES.length; k++) {
      const here = filled[k][i];
      if (here < enough || (best >= 0 && here <= filled[best][i])) continue;
      const beside = Math.max(filled[k][i - thickest] ?? 0, filled[k][i + thickest] ?? 0);
      if (beside < here / 2) best = k;
    }
    if (best < 0) continue;
    const slope = SLOPES[best];
    const piece = { start: i, end: i + slope * (to - from), slope, filled: filled[best][i] };
    const last = pieces.at(-1);
    if (last && i - last.start <= thickest) {
      if (piece.filled > last.filled) pieces[pieces.length - 1] = piece;
    } else pieces.push(piece);
  }
  return pieces;
}

/** Take a ruling away, but for the ink that crosses it or lies on it. */
function erase(before, values, low, { chain, at, length, depth }) {
  const { points } = chain;
  const runs = [];
  for (let x = 0; x < length; x++) {
    const run = runAt(before, low, at, x, heightAt(points, x), depth);
    if (run) runs.push({ ...run, x });
  }
  const middle = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];
  const thick = middle(runs.map(({ top, bottom }) => bottom - top));
  const contrast = middle(runs.map((run) => run.most));
  for (const { x, top, bottom, most } of runs) {
    if (bottom - top > 2 * thick + 1 || most > DARKER * contrast) continue;
    for (let y = Math.max(0, top - 1); y < Math.min(depth, bottom + 1); y++) values[at(y, x)] = 0;
  }
}

/** The marks in a column that touch a ruling. */
function runAt(values, low, at, x, y, depth) {
  const near = [0, -1, 1, -2, 2, -3, 3].map((off) => Math.round(y) + off);
  const inside = near.find((i) => i >= 0 && i < depth && values[at(i, x)] > low);
  if (inside === undefined) return null;
  let [top, bottom, most] = [inside, inside + 1, values[at(inside, x)]];
  while (top > 0 && values[at(top - 1, x)] > low) most = Math.max(most, values[at(--top, x)]);
  while (bottom < depth && values[at(bottom, x)] > low)
    most = Math.max(most, values[at(bottom++, x)]);
  return { top, bottom, most };
}

/** A chain's height at x: between its points, and beyond its ends as they go on. */
function heightAt(points, x) {
  let k = points.findIndex((point) => point.x > x);
  if (k < 0) k = points.length - 1;
  k = Math.max(1, k);
  const [a, b] = [points[k - 1], points[k]];
  return a.y + ((b.y - a.y) * (x - a.x)) / (b.x - a.x);
}
