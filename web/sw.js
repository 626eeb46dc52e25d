// Keeps one version of the page, whole. It opens without a network, and asks for no file twice.
//
// A version is what the two lists below say, and its cache has the name of their hash. A new version is fetched
// beside the one in use. It takes over when no tab shows the old one any more (js/early.js), so that files of two
// versions never meet. A cache that cannot be written, or read, costs nothing but time: the server is asked.

// What every view needs. The lists are written by `python -m pixelcnn.ui.static`.
const WHOLE = {
  "css/access.css": "sha256-NI0xQLBrZchLbgPA47K8VhzLgp99hvbBoKUrqbT4OYI=",
  "css/bars.css": "sha256-k8s80H2pDsH6HFLyyRxsUdHpec281G9JKgelFVVBYjQ=",
  "css/base.css": "sha256-3ibZwr3Er2vytkNGWFWs3/ojX08D+/Oiq/Mmbnk0Tsc=",
  "css/compare.css": "sha256-jZ1wsmY2I0qbEMQr9f3chnJoqMEhH6BlHK0LnOxRMuE=",
  "css/draw.css": "sha256-2qFayQ8S8m9tuOmjr7lNlkZvYjCGR/TNT0qi7sU6e6E=",
  "css/how.css": "sha256-anaMYOGi6NFFz514vSWncXM5KbplKHesPgfq1NN106Q=",
  "css/page.css": "sha256-ySiFUCooH4cCXWm9bZSV7MBYsctYE+9PIA1geBloAMc=",
  "css/sample.css": "sha256-kbk+/988c49hz2MzNz19i0RWR9IxUmnCIqu3rGws09U=",
  "css/tour.css": "sha256-JL0uekScZ4SxwfDPaBGATF32oIkHsJTqflT4gmDjyyY=",
  "css/watch.css": "sha256-AAXndD6ZXarWTpd//SbD39WrSqvruhl2+GmQACgbtmI=",
  "engine/engine.js": "sha256-yEnYwtHdiaHYNZ5o6w16tYyF8k+ux0uLAhNE7aUe6dM=",
  "engine/engine.wasm": "sha256-bDQ1QSsrPFvNzp9uDRORJAG/ozdOCDEoR3/2EH6yom0=",
  "engine/mixture.js": "sha256-TnRZ7s7i8GcFTpEHSgx0e1JirmZwOEs/0bQ5SCnaSR8=",
  "engine/pool.js": "sha256-nfhkOpCUjvZtIR8pNdDIHj1Eq8zEbdS8N6JmjNxL0gw=",
  "engine/requests.js": "sha256-Ph0devynTQP5vyCxdTmDMHXIrvmlElsBzT3sMgxlLig=",
  "engine/tensors.js": "sha256-MHP8kRJ6BujRYllqeWpasrv6ry66UYB5Pda7sfxEcPM=",
  "engine/typicality.js": "sha256-hMj7sAP9uQfZCnVojGw8RB/tXV+K+1tWQcl9pK/JiGI=",
  "engine/worker.js": "sha256-RI83OZ0Wv5fP/qMLdTRKj9a/R8nookeZN4kP1W7Dddg=",
  "icon-512.png": "sha256-mOcmuLmNtu4cYpBCGgRb2VQWuGM+J7KV/BxM9XICkoI=",
  "icon.svg": "sha256-jBvfxpDQzS/ZWs8dAstr66oVewOYbA4Zcpizzhg+2sU=",
  "index.html": "sha256-i7e3XKUmQqa4fVDHNtWZ9M9ioZcXa/RLDRBxzr1Wj4Y=",
  "js/animation.js": "sha256-eCySsdLAwTF7EF3LGq2Mhxzbl+2BaFSwDHQGyzrR8Y8=",
  "js/announcer.js": "sha256-3NTLAkty6qGWyjLGvCFxhOo3GU9Q8pYbHemCNWpvuBY=",
  "js/bars.js": "sha256-AJ7tH+TJZGtFAxylpnwes4pCXT2H2bZ4JA/yOneevTM=",
  "js/choice.js": "sha256-6j5ABASlr7eOp1I+tiaQo483jm+xUafXsGKlmUSFQf0=",
  "js/compare.js": "sha256-yZxWWAua/jINS6u0Jyw6CfOz5PuBrRdFSGGTAw9Mo98=",
  "js/completions.js": "sha256-c6TIruDFXskgd3TwI0r8yhl7uaVdXPuDfSVMXsWrbm8=",
  "js/cursor.js": "sha256-g1689rhNiut3vyaNsfYLESx3hs/I5B1nnvkZIzmlafI=",
  "js/curve.js": "sha256-Q3AI3a3KAZioRv0NC//GysEx50scVniw5CTLgJK/8bQ=",
  "js/divider.js": "sha256-+63tjneDMLoDRkDXwRrpD0RDuGxvbLRzMDKhCez2TGM=",
  "js/draw.js": "sha256-ej/RRimBpeDXyPaGFZ5PdZ0LOVwfLuKJkPNmbDu/riU=",
  "js/field.js": "sha256-pi13t8e4ysyeGMBVfWGqaryPyCjxJHuVyiCU2WCuzq0=",
  "js/fullscreen.js": "sha256-vmT7IqV3mUdrNPjmqVMJ4KPr3kSVXp6YfOmM8N9Ckok=",
  "js/grid.js": "sha256-LzQp8HvF6iA67wqNy0K9IgUFi424QyNWvofo95pRI4Y=",
  "js/history.js": "sha256-k1aX054xWuBiqZ1Zkgp4MkTxwQMTze2hrMtIp7nxsi0=",
  "js/how.js": "sha256-9z9oyTxzZ+5GpmLu+1MPUSsBUMagQGPaHNYhTNEU/Ys=",
  "js/how/article.js": "sha256-SUqnqY43gNJcslpf7K/3Ld5PKcrnbhkAqH8C+GXX1EM=",
  "js/how/beat.js": "sha256-iVJ/gOpfF669tXoB1KLOqkhqiOkA8DMLMsOJJTUT2x0=",
  "js/how/blocks.js": "sha256-0ZHG79mRVb3GNB6KG2MFBstZsfXqBQ+KJuZGmbO2kPY=",
  "js/how/dom.js": "sha256-fnKQ6wBgLVfRzBuhzrxYScosotrzE4sogXIU+WpOQ6U=",
  "js/how/draft_picture.js": "sha256-Z+tJScSE7ymaNvEK+Q2uW04UFv/O5VZBuOkyi+LNiHI=",
  "js/how/losses.js": "sha256-0tN2iWnl1Wu1n5ZlZY9vQOzic6gXtnLrgGA+7BOzd7s=",
  "js/how/names.js": "sha256-ncjgL/jdxjdNLLzru5Ic2EFEB1NNXw6tUtFOH9bUbfA=",
  "js/how/nats.js": "sha256-RpVYW15XCRyRtIlFaLinjFLeIiuYGBQYgkyX2H7TbhA=",
  "js/how/rows.js": "sha256-lL3cQeigAduKxLOqYFYfn0Y9Y/fUdPPABgGdomOrZ2c=",
  "js/how/sentences.js": "sha256-iRhmGrcdJQwHwIyvYfyBdOG+Zuy+BrHuDuLORZtl4kU=",
  "js/how/sight.js": "sha256-4kzQ0Iu341L0PAYVzvWq/6eRpCIRV/7nE0gB+hhL32M=",
  "js/how/stepper.js": "sha256-PZUuqQzfik5+jq3ctdzcYExtvekGSRyVjgxk+WnRFb0=",
  "js/how/subject.js": "sha256-zbbz7+gA1QMffxoZiCYlTsoBAndBdSWo1HXiYMwQwzU=",
  "js/how/training.js": "sha256-bpUsYB40wZKGSvgOsasMzDA2ELDcUBP2Xva0XmyVYFI=",
  "js/how/view.js": "sha256-MqbrSJJTGQqAB8emDRCrSSYBffuc+bJ0aQTRB9WYOOs=",
  "js/ink.js": "sha256-QGlw1feXtDDs0VjIxC3/BD3DgNX2uoEvKq3bTWgdwow=",
  "js/keyboard.js": "sha256-33TSPpdBm+vjxn7nm2zPot1jt7UKlfmzLMrQs64/Tq4=",
  "js/later.js": "sha256-a4bd0z42NGy29NIViYm7az4f89IJbeFISNi6vm8gYnU=",
  "js/link.js": "sha256-M4K46Smi5IYW+Zg3gmPrgKaSYZ3ymE+MvgfYE6a7C7U=",
  "js/main.js": "sha256-P9jIRZUobVO5pMvxEoCyXgMSHvhXD+ifdFsSnKa9UjY=",
  "js/models.js": "sha256-17sQ9hnMpvpUzw4IL8MDmQWmpLxsxn/hoNS1263cijA=",
  "js/newest.js": "sha256-x2gB/uYdsaqNIS87Rqr4Rpmu0ik/SGiCbaKssXWAt0Y=",
  "js/pad.js": "sha256-kcW83vpHkArpq+qSCWTowNSK4nmCLyzaeedc19duX80=",
  "js/photo/fit.js": "sha256-VqMm0h6l7Qh5RGunJRNtiJQiu64JwY3K40nAm/n/rVA=",
  "js/photo/greys.js": "sha256-aS7d0Vu/wH9zmUWurLrDrB2mN0xdRPuUpYN1JJp5pys=",
  "js/photo/marks.js": "sha256-UmelEP5fCtUhyz97fMlgw6SgnO1mUxRLgoMJqwYEfh4=",
  "js/photo/parts.js": "sha256-d/lUJCgPQVD48Tb56tdLqdm6wQIBDCzYS9B4mD+Rm40=",
  "js/photo/read.js": "sha256-FlSQClwlSxqqXmw8tjW0PrKHfBUwJARUhPg4NE44Xis=",
  "js/photo/rulings.js": "sha256-Ie0yN0Qm2bwYG63VuIqMTSDpYJ7l2esWVs/Wh9NdRHQ=",
  "js/photo/seen.js": "sha256-Pi9KPmsrPM//AbRKp+CAIK2ThYhYezR3o3t7FephKog=",
  "js/picture.js": "sha256-AY4pDXazJRtI473g6OEyvFYTkjsJho1b9m3bv5O1ypk=",
  "js/player.js": "sha256-h9a4uhmxnD6H2j5MYtoPABuyR1rzSWLH71rZ/c9nHBE=",
  "js/posterior.js": "sha256-UEkoSJlFun63BcITptuM7VX16m/ceNKF43SfhdveBWQ=",
  "js/presets.js": "sha256-PSQ5V1wE4B/Qe0i9hQS5DGudJGKBk/ORhjjlxLzSN+o=",
  "js/raster.js": "sha256-Vv42W5nt1Kl240ysmN5EsU4chyw4wgd2syaDvjciJws=",
  "js/rival.js": "sha256-wZVveDDCtJDqMg0UOfBvh3VvXhaHZPlpoB4Ck9ZYoIM=",
  "js/sample.js": "sha256-Oi1QFkvO1+SAH8mg+uhJ7fah/K7ItZquTHpHoNWKfx0=",
  "js/save.js": "sha256-TDSOZmZkCnfLkVIQkLXF5Ttb4Ujo2fQ5LrKW91skM8c=",
  "js/server.js": "sha256-8urnoPeD3BJsl3chCyjKtij/i6Ojq2JuMm7YhN7lXwI=",
  "js/starts.js": "sha256-hEljd54z0LY33lmZd+h6S1i45XbBXZb1EgGwR0p/LhQ=",
  "js/static.js": "sha256-3O0DkOwkJyDeXa+IGacOSykowfjOaJDpb1YzJJxYIak=",
  "js/tools.js": "sha256-616GsQT7KraxhKKuuuy5uOYEW6dEyBHSyVF8jmMIxpM=",
  "js/tour.js": "sha256-XCDgSADwJfBaw8Gp0yPIx4yL0rm1aewPLTgSW3XLB90=",
  "js/trouble.js": "sha256-MGvC6ieZH3R3Fbq8rOAMzA9N6waDUQnP3dqzkVhnq8Q=",
  "js/watch.js": "sha256-WjGoCZ0dXOwBDT5/08hpMjRgb1gGeKbbK7ZkQjF3D1c=",
  "js/ways.js": "sha256-qQXRwSjtdgeOPiyk+926KIadRJdNy6VkUJoFwyeVI1I=",
  "js/words.js": "sha256-l1nRGkzCi+PDQRN7uNxrVUoFNCMEqiEX3mExnqpvZU4=",
  "js/work.js": "sha256-Uy8e3ok8fYkINYgoWWKfCp23lqk/nB1cHws0l6a1cyM=",
  "manifest.webmanifest": "sha256-1hTOXe8GdZoxh8W0ynF3p5hRsA2RssEPNqmvL9igS4c=",
  "vendor/gifenc/gifenc.esm.js": "sha256-IXdhJEN5JTulgVUQ0wSKT7H0xNvp+1Glz7/ibzTuwJM=",
  "../weights/binary/config.json": "sha256-tCEZiLMmQZpq0dSH4IztfYkXT1NxBEBWcgVWDMQVPck=",
  "../weights/binary/model.safetensors": "sha256-6NKTDDWCZrzjwCioB5XeRt9wvorgFc+BM76H1i+g6g0=",
  "../weights/binary/typicality.json": "sha256-xDcdwCeCv5wOuTorGeNshAiMsOmFyJJ77G16K1Cj/tk=",
};
// What is kept once it was asked for.
const LATER = {
  "../weights/binary/README.md": "sha256-L1Ru0JaXlywzZzLANOEFNQEDPF2jGpPZc5cGWTzxgLQ=",
  "../weights/binary/log.jsonl": "sha256-jrXDIrJH6AtNOMyK0L6y7C81yk8nFqnqhUbOa2nAx8U=",
  "../weights/binary/metrics-50.json": "sha256-GauuxtOO95PSJTKxgFzZ/DvZq0q7YxNPDopQCCrrUIs=",
  "../weights/binary/metrics.json": "sha256-kbByh/ryM6HSygefGIaIx5owPkO73PntPZLvEBm4BIc=",
  "../weights/binary/training.json": "sha256-NXVG9lnb5+SkdesdEeRv8CC70T6Y0VfO6kaYTyS8f+Q=",
  "../weights/gray/README.md": "sha256-t9nruy13SHKv0++DoyHilag8YTIfKwbIyhv3tyH9szw=",
  "../weights/gray/config.json": "sha256-hkWhAw7FJZgKQl+ql0fEyjsBkQuVappR47ZiuqKIDhA=",
  "../weights/gray/log.jsonl": "sha256-ZZatEpO3rU39qe12RuQosoBa1/bv+OG7Y6phkNafUxk=",
  "../weights/gray/metrics-50.json": "sha256-CuYY1jTogrCRXI5I4XrPina6Jh9mXP1hKMCGDt0Ch78=",
  "../weights/gray/metrics.json": "sha256-/2dL5BTK7XS2xt5hCUf76eGhfjN9Cwggru5mBF3GMjE=",
  "../weights/gray/model.safetensors": "sha256-ZM6HkGJCEYgXbzatDk7Q8RjkEPp3y1kn4uVUnW+kT6g=",
  "../weights/gray/training.json": "sha256-ljACukQDN/832VONFc66UO+1sUXjyeg0mO/FrEYUo/k=",
  "../weights/gray/typicality.json": "sha256-q8hi47cNgtzcjnxSCQnJV7aXBdX/xrtk3dwmtsxVuFo=",
  "../weights/residual/README.md": "sha256-zBXooFOFQqBFP2wOfvl29zDkUY1ev8EH1RJi4/jnNXo=",
  "../weights/residual/config.json": "sha256-uo+Pwd5dC3G6cpC8UXkYGz5nDH0J7iHXJ3LE0H7yDms=",
  "../weights/residual/log.jsonl": "sha256-8kMyJA1sjMGSdC6lHRIbn/v58VFF/lr0L7NQtsU5UrI=",
  "../weights/residual/metrics-50.json": "sha256-xEMSh3cNOLSKIJ3pGzjKiOC42y5LW+YMs2F9x7r6obc=",
  "../weights/residual/metrics.json": "sha256-1RSbjUR0pDLQMEBYLuW5fZYopvN7AIZjO1LYOWi2DJk=",
  "../weights/residual/model.safetensors": "sha256-3lwwBjET8IzDOZlwO2kqCdQwUL0CweDK+PoafrefN0Q=",
  "../weights/residual/training.json": "sha256-/twIp/7eIQnkeB1/QP1ewLOmQFEsLOPwQGL09gnh/g8=",
  "../weights/residual/typicality.json": "sha256-+LZJRJJBjmqZuw2ESNq6cYwgV4GxUwXnTnIAyEzhW8c=",
};

const HASHES = { ...WHOLE, ...LATER };
const PAGE = "index.html";
const MINE = `pixelcnn ${self.registration.scope} `; // other pages of this server have caches, too
const BEFORE = "pixelcnn"; // the cache of earlier workers
const NAME = hashOf(new TextEncoder().encode(JSON.stringify([WHOLE, LATER]))).then(
  (hash) => MINE + hash,
);

const addressOf = (file) => new URL(file, self.location.href).href;
const FILES = new Map(Object.keys(HASHES).map((file) => [addressOf(file), file]));
for (const place of ["./", "index"]) FILES.set(addressOf(place), PAGE);

async function hashOf(bytes) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `sha256-${btoa(String.fromCharCode(...hash))}`;
}

/** The answer for the cache if it is of this version; null if not. Hosts may add to a page, so any is taken. */
async function checked(file, response) {
  if (!response?.ok) return null;
  const bytes = await response.arrayBuffer();
  if (file !== PAGE && (await hashOf(bytes)) !== HASHES[file]) return null;
  const headers = new Headers(response.headers);
  for (const name of ["content-encoding", "content-length", "vary"]) headers.delete(name);
  return new Response(bytes, { headers }); // not marked as redirected: a navigation would refuse it
}

/** A file of this version: from an earlier cache, the browser's own, or the server. */
async function fetched(file) {
  const tries = [
    () => fetch(file), // the page has just fetched most of them
    () => fetch(file, { cache: "reload" }),
  ];
  if (file === PAGE) tries.shift();
  for (const attempt of tries) {
    const answer = await checked(file, await attempt());
    if (answer) return answer;
  }
  throw new Error(`The server has another ${file} than this version of the page.`);
}

/** Fetch all that is missing; and keep what earlier versions were asked for, where it is the same. */
async function fill() {
  const name = await NAME;
  const begun = await caches.has(name);
  const cache = await caches.open(name);
  const fetchMissing = async (file) => {
    if (!(await cache.match(file))) await cache.put(file, await fetched(file));
  };
  const takeOver = async (file) => {
    const same = await checked(file, await caches.match(file));
    if (same) await cache.put(file, same);
  };
  try {
    await Promise.all([
      ...Object.keys(WHOLE).map(fetchMissing),
      ...Object.keys(LATER).map(takeOver),
    ]);
  } catch (error) {
    if (!begun) await caches.delete(name);
    throw error; // no such worker, then: the page goes on with the one before, or none
  }
}

async function forget() {
  const name = await NAME;
  const old = (each) => each === BEFORE || (each.startsWith(MINE) && each !== name);
  await Promise.all((await caches.keys()).filter(old).map((each) => caches.delete(each)));
}

/** A file that is kept; undefined if it is not, or storage fails. */
async function kept(file) {
  return caches.match(addressOf(file), { cacheName: await NAME }).catch(() => undefined);
}

async function keep(file, response) {
  const answer = await checked(file, response);
  if (answer) await (await caches.open(await NAME)).put(file, answer);
}

async function answer(event, file) {
  const known = await kept(file);
  if (known) return known;
  const response = await fetch(event.request); // as it is: a navigation follows redirects itself
  if (response.ok && file !== PAGE) {
    // What cannot be kept is asked for again.
    event.waitUntil(keep(file, response.clone()).catch(() => undefined));
  }
  return response;
}

/** Whether a single tab shows the page. */
async function isAlone() {
  const tabs = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  return tabs.filter(({ url }) => url.startsWith(self.registration.scope)).length === 1;
}

self.addEventListener("install", (event) => event.waitUntil(fill()));

self.addEventListener("activate", (event) => {
  event.waitUntil(Promise.all([forget(), self.clients.claim()]));
});

self.addEventListener("message", (event) => {
  event.waitUntil(isAlone().then((alone) => alone && self.skipWaiting()));
});

self.addEventListener("fetch", (event) => {
  const [address] = event.request.url.split(/[?#]/); // settings are for the page alone
  const file = event.request.method === "GET" && FILES.get(address);
  if (file) event.respondWith(answer(event, file));
});
