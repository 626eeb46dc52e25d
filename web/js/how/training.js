// How the weights came about: for every model that the page offers, folded away until someone asks.

import { parseJson, readConfig, Unreachable } from "../../engine/tensors.js";
import { readText } from "../models.js";
import { make } from "./dom.js";
import { lossCurves } from "./losses.js";
import { nameOf, valueText } from "./names.js";

/** A folded part for each model of the page; the one in use comes first. */
export function showTraining(root, { models, trouble }, inUse) {
  const names = [inUse, ...models.names.filter((name) => name !== inUse)];
  root.replaceChildren(
    ...names.map((name) =>
      folded(name === inUse ? `${name}, in use` : name, (wanted) =>
        trouble.outlast(() => tell(models, name), wanted),
      ),
    ),
  );
}

/** Fetched when it is opened first. */
function folded(title, fetchParts) {
  // Wider than a phone: whoever uses the keyboard scrolls it once it has the focus.
  const reached = { tabIndex: 0, role: "group", ariaLabel: title };
  const body = make("div", { className: "training-body", ...reached });
  const details = make("details", {}, make("summary", { textContent: title }), body);
  details.addEventListener("toggle", async () => {
    if (!details.open || body.childElementCount) return;
    body.replaceChildren(...(await fetchParts(() => details.open)));
  });
  return details;
}

/** All that the folder of a model tells. */
async function tell(models, name) {
  const read = (file) => readText(models.file(name, file));
  const [config, metrics, training, card] = await Promise.all(
    ["config.json", "metrics.json", "training.json", "README.md"].map(read),
  );
  if (config === null) throw new Unreachable(`How ${name} came about cannot be fetched.`);
  const stages = training ? parseJson(training, "training.json").stages : [];
  const logged = stages.at(-1)?.epochs > 0;
  const history = logged ? losses(await read("log.jsonl")) : [];
  const parameters = models.isReady(name) ? models.parameters(name) : null;
  const about = aboutNetwork(readConfig(parseJson(config, "config.json")));
  const parts = [table([...about, ["parameters", parameters]])];
  if (metrics)
    parts.push(heading("Measured"), table(Object.entries(parseJson(metrics, "metrics.json"))));
  if (stages.length) parts.push(heading("Trained"), stagesTable(stages));
  if (history.length) parts.push(lossCurves(history, ofParts(stages.at(-1))));
  const grids = pictures(stages, history, card).map(([file, caption]) =>
    grid(models.file(name, file), caption),
  );
  if (grids.length) parts.push(make("div", { className: "epochs" }, ...grids));
  return parts;
}

const heading = (textContent) => make("h3", { textContent });

const aboutNetwork = ({ gated, levels, classes, dilations }) => [
  ["architecture", gated ? "gated" : "residual"],
  ["blocks", dilations.length],
  ["levels", levels],
  ["classes", classes > 0],
];

/** Pairs of a key and its value, of those that have a word. */
function table(entries) {
  const rows = entries
    .filter(([key, value]) => nameOf(key) && value !== null)
    .map(([key, value]) => {
      const head = make("th", { scope: "row", textContent: nameOf(key) });
      return make("tr", {}, head, make("td", { textContent: valueText(key, value) }));
    });
  return make("table", {}, make("tbody", {}, ...rows));
}

/** Whether a stage trained the conditioner alone. */
const ofParts = ({ settings }) => settings?.objective === "any-part";

const STAGE_KEYS = [
  "objective",
  "epochs",
  "binarization",
  "freehand",
  "optimizer",
  "precision",
  "seed",
];

/** The runs that the weights came from, a column each, and what each reached. */
function stagesTable(stages) {
  const runs = stages.map((_, k) => make("th", { scope: "col", textContent: `Run ${k + 1}` }));
  const head = make("tr", {}, make("td"), ...runs);
  const value = ({ settings, epochs }, key) => (key === "epochs" ? epochs : settings?.[key]);
  const rows = STAGE_KEYS.filter((key) =>
    stages.some((stage) => value(stage, key) !== undefined),
  ).map((key) => {
    const row = make("tr", {}, make("th", { scope: "row", textContent: nameOf(key) }));
    for (const stage of stages) {
      const told = value(stage, key);
      row.append(make("td", { textContent: told === undefined ? "" : valueText(key, told) }));
    }
    return row;
  });
  const reached = make(
    "tr",
    {},
    make("th", { scope: "row", textContent: nameOf("validation_nats_per_image") }),
  );
  for (const stage of stages) {
    const nats = ofParts(stage) ? undefined : stage.results.at(-1)?.validation_nats_per_image;
    reached.append(make("td", { textContent: nats === undefined ? "" : nats.toFixed(2) }));
  }
  return make(
    "table",
    { className: "stages" },
    make("thead", {}, head),
    make("tbody", {}, ...rows, reached),
  );
}

/** The epochs of log.jsonl that have both losses. */
function losses(log) {
  const entries = (log ?? "")
    .split("\n")
    .filter(Boolean)
    .map((line) => parseJson(line, "log.jsonl"));
  const wanted = ["epoch", "train_nats_per_image", "validation_nats_per_image"];
  return entries.filter((entry) => wanted.every((key) => Number.isFinite(entry[key])));
}

/** Files of samples and their captions: of the epochs that the last run drew some after, then those of the card. */
function pictures(stages, history, card) {
  const settings = stages.at(-1)?.settings;
  const drawn = new Set([...(settings?.sample_epochs ?? []), settings?.epochs]); // the last always
  const epochs = history.map(({ epoch }) => epoch).filter((epoch) => drawn.has(epoch));
  const named = [...(card ?? "").matchAll(/!\[([^\]]+)\]\((samples[^)/]*\.png)\)/g)];
  return [
    ...epochs.map((epoch) => [
      `samples-epoch-${String(epoch).padStart(3, "0")}.png`,
      `Samples after epoch ${epoch}`,
    ]),
    ...named.map(([, caption, file]) => [file, `${caption} of these weights`]),
  ];
}

function grid(src, caption) {
  const picture = make("img", { alt: caption, loading: "lazy", src });
  return make(
    "figure",
    { className: "epoch" },
    picture,
    make("figcaption", { textContent: caption }),
  );
}
