// Starts the page where it is plain files, with the models that its first tag names.

import { start } from "./main.js";

const { weights, models, space, alone } = document.documentElement.dataset;
const folders = models.split(" ").map((name) => [name, `${weights}${name}/`]);

start(document.querySelector(".pixelcnn"), {
  models: Object.fromEntries(folders),
  ways: alone === undefined ? { code: "../README.md", programs: "../docs/api.md" } : {},
  space,
});
dispatchEvent(new Event("started")); // early.js waits for it

// Once the page stands, keep it for when there is no network, and look for a newer version. A frame may not keep it:
// there it needs a network.
addEventListener("load", () => {
  navigator.serviceWorker
    ?.register("sw.js")
    .then((registration) => registration.active && registration.update())
    .catch(() => null);
});
