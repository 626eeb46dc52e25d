// The two networks as block diagrams, with the names that they have in pixelcnn/density.

import { draw, make } from "./dom.js";

const WIDE = 360;
const BOX = 34; // height of a box
const GAP = 16; // between two, for the arrow
const SIDE = 14; // from a chain to its skip connection
const HEAD = 6; // of an arrow

/** An operation: its name in the code, and what it is. */
const box = (name, what = "", kind = "") => ({ name, what, kind });

const sum = (what) => box("+", what, "sum");

/** Boxes one below the other, and the arrows between them. @returns {[SVGElement[], number]} and where it ends */
function chain({ x, width, y }, boxes) {
  const parts = [];
  boxes.forEach((each, k) => {
    const top = y + k * (BOX + GAP);
    if (k)
      parts.push(
        arrow([
          [x + width / 2, top - GAP],
          [x + width / 2, top],
        ]),
      );
    parts.push(boxAt(x, top, width, each));
  });
  return [parts, y + boxes.length * (BOX + GAP) - GAP];
}

function boxAt(x, y, width, { name, what, kind }) {
  const rect = draw("rect", { x, y, width, height: BOX, rx: 6, class: kind });
  const middle = x + width / 2;
  const text = draw("text", { x: middle, y: y + (what ? 14 : 22), class: "name" }, name);
  const more = what ? [draw("text", { x: middle, y: y + 28, class: "what" }, what)] : [];
  return draw("g", {}, rect, text, ...more);
}

/** A line of right angles, with a head at its end. */
function arrow(points) {
  const [[x0, y0], [x, y]] = points.slice(-2);
  const [dx, dy] = [Math.sign(x - x0), Math.sign(y - y0)];
  const back = [x - HEAD * dx, y - HEAD * dy];
  const wing = (side) => [back[0] + (side * dy * HEAD) / 2, back[1] + (side * dx * HEAD) / 2];
  return draw(
    "g",
    { class: "arrow" },
    draw("polyline", { points: [...points.slice(0, -1), back].join(" ") }),
    draw("polygon", { points: [[x, y], wing(1), wing(-1)].join(" ") }),
  );
}

/** Around a chain: what enters its first box is added at its last. */
function skip({ x, width, y }, end, side) {
  const edge = side === "left" ? x : x + width;
  const out = side === "left" ? edge - SIDE : edge + SIDE;
  return arrow([
    [x + width / 2, y - GAP + 2],
    [out, y - GAP + 2],
    [out, end - BOX / 2],
    [edge, end - BOX / 2],
  ]);
}

const label = (x, y, text, anchor = "start") =>
  draw("text", { x, y, class: "label", "text-anchor": anchor }, text);

const list = (dilations) => `dilation ${dilations.join(" ")}`;

function svg(height, title, ...parts) {
  const frame = draw("svg", { viewBox: `0 0 ${WIDE} ${height}`, role: "img", "aria-label": title });
  frame.append(...parts);
  return frame;
}

/** One block, opened: what it does, from its input to its sum. */
function opened({ x, width, y, side }, name, boxes) {
  const place = { x, width, y: y + 30 + GAP };
  const [parts, end] = chain(place, boxes);
  const from = [x + width / 2, y + 26];
  const enter = arrow([from, [from[0], place.y]]);
  return [[label(from[0], y + 14, name, "middle"), enter, ...parts, skip(place, end, side)], end];
}

function gatedDiagram({ dilations, horizontalDilations, classes }) {
  const [left, right] = [
    { x: 18, width: 144 },
    { x: 198, width: 144 },
  ];
  const embedding = classes ? " + embedding" : "";
  const [vertical, verticalEnd] = chain({ ...left, y: 70 }, [
    box("first_vertical + place", "3×7, the rows above"),
    box(`vertical: ${dilations.length} blocks`, list(dilations)),
  ]);
  const [horizontal, horizontalEnd] = chain({ ...right, y: 70 }, [
    box("first_horizontal", "1×12, to the left"),
    box(`horizontal: ${horizontalDilations.length} blocks`, list(horizontalDilations)),
    box("head", "relu, hidden, relu, out"),
    box("logits", "", "end"),
  ]);
  const middle = verticalEnd - BOX / 2;
  const edges = [left, right].map(({ x, width }) =>
    arrow([
      [WIDE / 2, 44],
      [WIDE / 2, 56],
      [x + width / 2, 56],
      [x + width / 2, 70],
    ]),
  );
  const link = arrow([
    [left.x + left.width, middle],
    [right.x, middle],
  ]);
  const y = horizontalEnd + 30;
  const [first, firstEnd] = opened({ ...left, y, side: "left" }, "a vertical block: v", [
    box("conv", "2×3: above, and itself"),
    ...(classes ? [sum("embedding")] : []),
    box("gate", "one half × σ(the other)"),
    box("out", "1×1"),
    sum("v"),
  ]);
  const [second, secondEnd] = opened({ ...right, y, side: "right" }, "a horizontal block: h", [
    box("conv", "1×2: to the left, and itself"),
    sum(`link v${embedding}`),
    box("gate", "one half × σ(the other)"),
    box("out", "1×1"),
    sum("h"),
  ]);
  const title =
    "The gated network: a vertical stack of blocks over the rows above, linked to every block of a horizontal stack over the row";
  return svg(
    Math.max(firstEnd, secondEnd) + 6,
    title,
    boxAt(108, 10, 144, box("levels", "", "end")),
    ...edges,
    ...vertical,
    ...horizontal,
    link,
    label((left.x + left.width + right.x) / 2, middle - 6, "link", "middle"),
    ...first,
    ...second,
  );
}

function residualDiagram({ dilations, classes }) {
  const whole = { x: 90, width: 180 };
  const [parts, end] = chain({ ...whole, y: 10 }, [
    box("levels", "", "end"),
    box("first + place", "7×7, type A: not the pixel itself"),
    box(`${dilations.length} blocks`, list(dilations)),
    box("head", "relu, hidden, relu, out"),
    box("logits", "", "end"),
  ]);
  const [block, blockEnd] = opened({ ...whole, y: end + 10, side: "left" }, "a block: a", [
    box("relu, down", "1×1, to half the features"),
    box("relu, conv", "3×3, type B"),
    ...(classes ? [sum("embedding")] : []),
    box("relu, up", "1×1, back to all"),
    sum("a"),
  ]);
  const title =
    "The residual network: one stack of masked convolutions, each block around an identity";
  return svg(blockEnd + 6, title, ...parts, ...block);
}

const NETWORKS = [
  {
    gated: true,
    name: "gated",
    diagram: gatedDiagram,
    words:
      "Two stacks, no blind spot. The vertical one runs once a row, the horizontal one at every pass.",
  },
  {
    gated: false,
    name: "residual",
    diagram: residualDiagram,
    words: "One stack of masked convolutions, with its blind spot. All of it runs at every pass.",
  },
];

/**
 * Both networks side by side.
 * @param {HTMLElement} root is filled with the figures
 * @param {{gated: object, residual: object}} configs
 * @param {boolean} inUse whether the gated one is in use, rather than the other
 */
export function showBlocks(root, configs, inUse) {
  const figures = NETWORKS.map(({ gated, name, diagram, words }) => {
    const used = gated === inUse;
    const caption = make("figcaption", {}, make("strong", { textContent: name }));
    if (used) caption.append(make("span", { className: "in-use", textContent: "in use" }));
    caption.append(make("p", { textContent: words }));
    const figure = make("figure", { className: used ? "network used" : "network" }, caption);
    figure.append(diagram(configs[name]));
    return figure;
  });
  root.replaceChildren(...figures);
}
