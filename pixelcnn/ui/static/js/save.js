// Files to keep: a grid as PNG, an animation as GIF.

const SCALE = 4;
const GAP = 2;
const COLUMNS = 8;

function download(name, url) {
  const link = document.createElement("a");
  link.download = name;
  link.href = url;
  link.click();
}

/** Save samples as a grid of dark ink on white. */
export function savePng({ levels, seed, model }, count) {
  const [height, width] = [levels[0].length, levels[0][0].length];
  const columns = Math.min(COLUMNS, levels.length);
  const sheet = document.createElement("canvas");
  sheet.width = SCALE * (columns * (width + GAP) + GAP);
  sheet.height = SCALE * (Math.ceil(levels.length / columns) * (height + GAP) + GAP);
  const context = sheet.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, sheet.width, sheet.height);
  levels.forEach((image, k) => {
    const left = GAP + (k % columns) * (width + GAP);
    const top = GAP + Math.floor(k / columns) * (height + GAP);
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        context.fillStyle = `rgb(0 0 0 / ${image[i][j] / (count - 1)})`;
        context.fillRect(SCALE * (left + j), SCALE * (top + i), SCALE, SCALE);
      }
    }
  });
  download(`pixelcnn-${model}-seed-${seed}.png`, sheet.toDataURL("image/png"));
}

/** Save base64 bytes as an animated GIF. */
export function saveGif(data) {
  download("pixelcnn.gif", `data:image/gif;base64,${data}`);
}
