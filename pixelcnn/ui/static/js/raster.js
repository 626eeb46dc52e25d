// Images as crisp squares: one canvas pixel per image pixel, enlarged by CSS.
// Given ink is cool, the model's ink is warm; how sure it is, is the opacity.

const GROW_MS = 320;
let colours = null;

/** The two inks as [r, g, b], from the style sheet. */
export function inks() {
  if (!colours) {
    const style = getComputedStyle(document.querySelector(".pixelcnn"));
    const read = (name) => {
      const hex = style.getPropertyValue(name).trim();
      return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    };
    colours = { cool: read("--cool"), warm: read("--warm"), text: read("--text") };
  }
  return colours;
}

/** Call `repaint` when light turns to dark or back. */
export function onThemeChange(repaint) {
  new MutationObserver(() => {
    colours = null;
    repaint();
  }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
}

/** Paint every pixel: `pixel(row, column)` returns [colour, opacity 0 to 1], or null for none. */
export function paint(canvas, height, width, pixel) {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0, at = 0; i < height; i++) {
    for (let j = 0; j < width; j++, at += 4) {
      const ink = pixel(i, j);
      if (!ink) continue;
      [image.data[at], image.data[at + 1], image.data[at + 2]] = ink[0];
      image.data[at + 3] = Math.round(255 * ink[1]);
    }
  }
  context.putImageData(image, 0, 0);
}

/** Paint levels 0..max; rows above `given` are cool, and only the first `end` pixels show. */
export function paintLevels(canvas, levels, { given = 0, max = 1, end = Infinity } = {}) {
  const { cool, warm } = inks();
  const width = levels[0].length;
  paint(canvas, levels.length, width, (i, j) => {
    const level = levels[i][j];
    return level && i * width + j < end ? [i < given ? cool : warm, level / max] : null;
  });
}

/** Let the drawn rows grow in one by one; at once for those who asked for less motion. */
export function grow(canvas, levels, { given = 0, max = 1 } = {}) {
  const width = levels[0].length;
  const total = levels.length - given;
  const run = {};
  canvas.growing = run;
  let start = null;
  const frame = (now) => {
    if (canvas.growing !== run) return; // something newer is painted here
    start ??= now;
    const part = lessMotion() ? 1 : Math.min(1, (now - start) / GROW_MS);
    const rows = given + Math.ceil(part * total);
    paintLevels(canvas, levels, { given, max, end: rows * width });
    if (part < 1) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

/** Paint at once what would otherwise grow in. */
export function show(canvas, levels, options) {
  canvas.growing = null;
  paintLevels(canvas, levels, options);
}

export const lessMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** A button that holds one digit and a caption. */
export function digitButton() {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "digit";
  const canvas = document.createElement("canvas");
  canvas.className = "pixels";
  const caption = document.createElement("span");
  caption.className = "caption";
  button.append(canvas, caption);
  return { button, canvas, caption };
}
