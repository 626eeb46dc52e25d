// The parts of a picture's ink, and which of them are the digit.

const NEAR = 0.3; // of the digit's height: a part this near belongs to it
const RIVAL = 0.6; // of the digit's height: a part this high is a digit, too
const SMALL = 6; // pixels: smaller parts are specks
const AT_EDGE = 0.3; // of a side of the picture, along which paper or shadow ends
const FAINT = 0.6; // of the strongest ink's contrast: fainter parts are no ink

/**
 * @param {{values: Float32Array, height: number, width: number, low: number, high: number}} marks
 * @returns {{box: object, members: Set<number>, labels: Int32Array, others: object[]} | null} the digit's parts, and those
 *   that may be further digits
 */
export function findDigit(marks) {
  const { labels, parts } = label(marks);
  const strokes = parts.filter(
    (part) => part.most > marks.high && part.size >= SMALL && size(part) > 3,
  );
  const inside = strokes.filter((part) => !alongEdge(part, marks));
  const candidates = inside.length ? inside : strokes;
  if (!candidates.length) return null;
  const strongest = Math.max(...candidates.map(({ strength }) => strength));
  const rated = candidates
    .filter(({ strength }) => strength > FAINT * strongest)
    .sort((a, b) => rating(b, marks) - rating(a, marks));
  const members = [rated[0]];
  let rest = rated.slice(1);
  for (let grown = true; grown; ) {
    const whole = boxOf(members);
    const near = rest.filter(
      (part) => !isRival(part, whole) && gap(part, whole) < NEAR * size(whole),
    );
    grown = near.length > 0;
    members.push(...near);
    rest = rest.filter((part) => !near.includes(part));
  }
  const box = boxOf(members);
  const others = rest.filter((part) => isRival(part, box));
  return {
    box,
    others,
    labels,
    members: new Set(members.map(({ name }) => name)),
    area: sum(members),
  };
}

const size = ({ left, right, top, bottom }) => Math.max(right - left, bottom - top);
const sum = (parts) => parts.reduce((total, part) => total + part.size, 0);

/** Connected parts above `low`, by a flood through all eight neighbours. */
function label({ values, height, width, low }) {
  const labels = new Int32Array(values.length);
  const parts = [];
  const stack = [];
  for (let seed = 0; seed < values.length; seed++) {
    if (labels[seed] || values[seed] <= low) continue;
    const name = parts.length + 1;
    const part = {
      name,
      size: 0,
      most: 0,
      strength: 0,
      left: width,
      right: 0,
      top: height,
      bottom: 0,
    };
    labels[seed] = name;
    stack.push(seed);
    while (stack.length) {
      const at = stack.pop();
      const [i, j] = [Math.floor(at / width), at % width];
      part.size++;
      part.strength += values[at];
      part.most = Math.max(part.most, values[at]);
      part.left = Math.min(part.left, j);
      part.right = Math.max(part.right, j + 1);
      part.top = Math.min(part.top, i);
      part.bottom = Math.max(part.bottom, i + 1);
      for (let y = Math.max(0, i - 1); y <= Math.min(height - 1, i + 1); y++) {
        for (let x = Math.max(0, j - 1); x <= Math.min(width - 1, j + 1); x++) {
          const next = y * width + x;
          if (labels[next] || values[next] <= low) continue;
          labels[next] = name;
          stack.push(next);
        }
      }
    }
    part.strength /= part.size;
    parts.push(part);
  }
  return { labels, parts };
}

/** Whether a part lies at the picture's edge and along it, as the end of the paper does. */
function alongEdge({ left, right, top, bottom }, { height, width }) {
  const [wide, high] = [right - left, bottom - top];
  const sides = [left === 0, right === width, top === 0, bottom === height];
  const beside = sides[0] || sides[1];
  const above = sides[2] || sides[3];
  const corner = beside && above;
  return (
    (beside && high > AT_EDGE * height && (corner || wide < high / 4)) ||
    (above && wide > AT_EDGE * width && (corner || high < wide / 4))
  );
}

/** Large, near the middle. */
function rating(part, { height, width }) {
  const x = (part.left + part.right) / width - 1;
  const y = (part.top + part.bottom) / height - 1;
  return size(part) * part.strength * (1 - 0.4 * Math.min(1, Math.hypot(x, y)));
}

/** Whether a part is as high as the digit, and beside it or below. */
function isRival(part, digit) {
  const overlap = (a, b, c, d) => Math.min(b, d) - Math.max(a, c);
  const across = overlap(part.left, part.right, digit.left, digit.right);
  const down = overlap(part.top, part.bottom, digit.top, digit.bottom);
  const narrower = Math.min(part.right - part.left, digit.right - digit.left);
  const lower = Math.min(part.bottom - part.top, digit.bottom - digit.top);
  const apart = across < 0.25 * narrower || down < 0.25 * lower;
  return apart && part.bottom - part.top > RIVAL * (digit.bottom - digit.top);
}

const gap = (a, b) =>
  Math.hypot(
    Math.max(0, a.left - b.right, b.left - a.right),
    Math.max(0, a.top - b.bottom, b.top - a.bottom),
  );

function boxOf(parts) {
  const least = (key) => parts.reduce((best, part) => Math.min(best, part[key]), Infinity);
  const most = (key) => parts.reduce((best, part) => Math.max(best, part[key]), 0);
  return { left: least("left"), top: least("top"), right: most("right"), bottom: most("bottom") };
}
