// Before the first paint of the static page: by night it is dark. (In Gradio its own switch decides.)
{
  const night = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.classList.toggle("dark", night.matches);
  night.addEventListener("change", follow);
  follow();
}

// The weights are the longest to come: ask for them before the scripts are there.
if (location.protocol !== "file:") {
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

// A page opened as a file may load neither scripts nor weights.
if (location.protocol === "file:") {
  addEventListener("DOMContentLoaded", () => {
    const notice = document.querySelector(".standing-notice");
    notice.textContent =
      "Browsers do not run this page from a file: start `python3 -m http.server` in the repository, and open http://localhost:8000.";
    notice.hidden = false;
  });
}
