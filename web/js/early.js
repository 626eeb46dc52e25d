// What runs within the page's head, before all else. It needs no other file, so it also reports what does not come.

{
  // By night the static page is dark from its first paint. (In Gradio its own switch decides.)
  const night = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.classList.toggle("dark", night.matches);
  night.addEventListener("change", follow);
  follow();
}

{
  // Some servers give a folder's page an address without a final slash: its files are in the folder all the same.
  const last = location.pathname.split("/").pop();
  if (last !== "" && last !== "index" && !/\.html?$/.test(last)) {
    const base = document.createElement("base");
    document.head.append(Object.assign(base, { href: `${last}/` }));
  }
}

if (location.protocol !== "file:") {
  // The weights are the longest to come: ask for them before the scripts are there.
  const { weights, models } = document.documentElement.dataset;
  const [first, ...others] = models.split(" ");
  const asked = new URLSearchParams(location.search).get("model");
  const name = others.includes(asked) ? asked : first;
  for (const file of ["config.json", "model.safetensors"]) {
    const link = document.createElement("link");
    const href = `${weights}${name}/${file}`;
    document.head.append(
      Object.assign(link, { rel: "preload", as: "fetch", crossOrigin: "", href }),
    );
  }
}

{
  // Why the page does not start, in a sentence at its head. The page ends this by the event "started".
  const LATE_MS = 8000;
  const framed = origin === "null";
  let started = false;

  const tell = (sentence) => {
    const notice = document.querySelector(".standing-notice");
    if (started || !notice) return;
    notice.textContent = sentence;
    notice.hidden = false;
  };
  const scripts = () =>
    [...document.querySelectorAll("link[rel=modulepreload], script[src]")].map(
      ({ href, src }) => href ?? src,
    );
  const nameOf = (address) => address.replace(document.baseURI.replace(/[^/]*$/, ""), "");

  /** What is wrong with a script that the server is asked for; null if nothing is. */
  const faultOf = async (address) => {
    const name = nameOf(address);
    const response = await fetch(address).catch(() => null);
    if (!response) return `${name} cannot be fetched: check the connection, and reload the page.`;
    if (!response.ok) {
      return `The server answers ${response.status} for ${name}: it needs all files of the page.`;
    }
    const type = response.headers.get("content-type") || "nothing";
    if (/\b(java|ecma)script\b/.test(type)) return null;
    return `The server sends ${name} as ${type}: set its type for .js files to text/javascript.`;
  };

  const explain = async (message) => {
    if (location.protocol === "file:") {
      return "Browsers do not run this page from a file: start `python3 -m http.server` in the repository, and open http://localhost:8000.";
    }
    if (framed) {
      return "The frame around this page keeps its scripts out: its sandbox needs allow-same-origin. Or open the page in a tab of its own.";
    }
    for (const address of scripts()) {
      const fault = await faultOf(address);
      if (fault) return fault;
    }
    return `${message || "A script failed."} Files of two versions may be mixed: reload the page in a minute.`;
  };

  const failed = async (event) => {
    const isScript = event.target instanceof HTMLScriptElement;
    if (started || !(isScript || event.target === window)) return;
    tell(await explain(event.message));
  };
  const late = setTimeout(() => {
    const come = performance.getEntriesByType("resource").map(({ name }) => name);
    const missing = scripts().find((address) => !come.includes(address));
    if (missing) tell(`${nameOf(missing)} has not come yet: wait, or reload the page.`);
  }, LATE_MS);
  addEventListener("error", failed, true);
  addEventListener("started", () => {
    started = true;
    clearTimeout(late);
    removeEventListener("error", failed, true);
  });
}

if (isSecureContext && origin !== "null" && navigator.serviceWorker) {
  // A newer version of the page waits until no tab shows this one: with no other tab open, take it now.
  const take = (registration) => {
    if (!registration?.waiting) return;
    const again = () => location.reload();
    navigator.serviceWorker.addEventListener("controllerchange", again, { once: true });
    registration.waiting.postMessage("take over");
  };
  navigator.serviceWorker.getRegistration().then(take, () => null); // the browser keeps nothing here
}
