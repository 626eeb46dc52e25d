// Keeps the page for when there is no network. With one, every file comes from there, so that a new version
// is there at the next visit; without, or where it stalls, from what was kept.

const KEPT = "pixelcnn";
const STALLED_MS = 4000;
// What no tag of index.html names: what is loaded when it is asked for first, the workers' script, the engine, and the
// model that the page opens with.
const MORE = [
  "index.html",
  "css/how.css",
  "css/tour.css",
  "js/how/article.js",
  "js/how/beat.js",
  "js/how/blocks.js",
  "js/how/dom.js",
  "js/how/draft_picture.js",
  "js/how/losses.js",
  "js/how/names.js",
  "js/how/nats.js",
  "js/how/rows.js",
  "js/how/sentences.js",
  "js/how/sight.js",
  "js/how/stepper.js",
  "js/how/subject.js",
  "js/how/training.js",
  "js/how/view.js",
  "js/rival.js",
  "js/tour.js",
  "engine/worker.js",
  "engine/engine.wasm",
  "../weights/binary/config.json",
  "../weights/binary/model.safetensors",
];
const IF_THERE = "../weights/binary/typicality.json";

/** Fetch and keep the page, all scripts and styles that it names, and one model. */
async function keepAll() {
  const page = await (await fetch("index.html")).text();
  const tags = page.matchAll(/<(?:link|script)\b[^>]*\b(?:href|src)="([^"]+)"/g);
  const named = Array.from(tags, ([, file]) => file);
  const cache = await caches.open(KEPT);
  await cache.addAll([...new Set([...MORE, ...named])]);
  await cache.put(IF_THERE, await fetch(IF_THERE)); // that it is missing is kept, too
}

async function fromNetwork({ url }) {
  const answer = await fetch(url, { cache: "no-cache" }); // what has not changed is not sent again
  const [address] = url.split("?"); // settings are for the page alone
  if (answer.ok) await (await caches.open(KEPT)).put(address, answer.clone());
  return answer;
}

async function answer(request) {
  const network = fromNetwork(request);
  const stall = new Promise((done) => setTimeout(done, STALLED_MS));
  const first = await Promise.race([network.catch(() => null), stall]);
  return first ?? (await kept(request)) ?? network;
}

async function kept(request) {
  const file = await caches.match(request, { ignoreSearch: true });
  return file ?? (request.mode === "navigate" ? caches.match("index.html") : undefined);
}

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(keepAll());
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && new URL(url).origin === location.origin) {
    event.respondWith(answer(event.request));
  }
});
