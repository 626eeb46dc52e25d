// The page: four views on one model, and what they share.

import { isSupported, Pool, Refusal } from "../engine/pool.js";
import { DrawView } from "./draw.js";
import { HowView } from "./how.js";
import { address } from "./link.js";
import { Models } from "./models.js";
import { onThemeChange } from "./raster.js";
import { SampleView } from "./sample.js";
import { Server } from "./server.js";
import { WatchView } from "./watch.js";

const NOTICE_MS = 6000;
const LINK_MS = 60000; // time to copy it by hand
const TITLES = { binary: "Binary", gray: "Greys", residual: "Residual" };

class App {
  constructor(root, { models, engine, space }) {
    Object.assign(this, { root, engine, space, models: new Models(engine, models) });
    this.query = new URLSearchParams(location.search);
    const section = (name) => root.querySelector(`#view-${name}`);
    this.views = {
      draw: new DrawView(this, section("draw")),
      sample: new SampleView(this, section("sample")),
      watch: new WatchView(this, section("watch")),
      how: new HowView(this, section("how")),
    };
    root.querySelector(".share").addEventListener("click", () => this.#share());
    window.addEventListener("unhandledrejection", (event) => {
      if (!(event.reason instanceof Refusal)) return;
      event.preventDefault();
      this.notify(event.reason.message);
    });
  }

  get view() {
    return this.views[this.root.dataset.view];
  }

  /** Open the view, the model and the settings that the address asks for. */
  async start() {
    const asked = this.query.get("model");
    const { names } = this.models;
    await this.#choose(names.includes(asked) ? asked : names[0]);
    const wanted = this.query.get("view");
    const name = Object.hasOwn(this.views, wanted) ? wanted : "draw";
    this.views[name].restore(this.query);
    this.#wireTabs();
    this.#makeModelChoice();
    onThemeChange(() => this.#each((view) => view.repaint()));
    this.open(name);
  }

  /** Take a model; `info` is what the page knows of it. */
  async #choose(name) {
    this.wanted = name;
    const info = await this.models.info(name);
    if (this.wanted !== name) return;
    Object.assign(this, { name, info });
    this.engine.cancel("complete");
    this.#each((view) => view.setModel());
  }

  notify(sentence, ms = NOTICE_MS) {
    const notice = this.root.querySelector(".notice");
    notice.textContent = sentence;
    clearTimeout(this.fading);
    this.fading = setTimeout(() => (notice.textContent = ""), ms);
  }

  /** Open an image in Watch. */
  watch(request) {
    const opened = this.views.watch.open(request); // first, as an empty view asks for a digit of its own
    this.open("watch");
    this.root.querySelector("[data-player=play]").focus(); // where space plays and pauses
    return opened;
  }

  open(name) {
    if (this.view !== this.views[name]) this.view?.hide();
    this.root.dataset.view = name;
    for (const tab of this.root.querySelectorAll("[role=tab]")) {
      const chosen = tab.dataset.view === name;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      this.root.querySelector(`#view-${tab.dataset.view}`).hidden = !chosen;
    }
    this.view.show();
  }

  #each(work) {
    for (const view of Object.values(this.views)) work(view);
  }

  #wireTabs() {
    const tabs = [...this.root.querySelectorAll("[role=tab]")];
    tabs.forEach((tab, k) => {
      tab.addEventListener("click", () => this.open(tab.dataset.view));
      tab.addEventListener("keydown", (event) => {
        const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!by) return;
        const next = tabs[(k + by + tabs.length) % tabs.length];
        this.open(next.dataset.view);
        next.focus();
      });
    });
  }

  #makeModelChoice() {
    const { names } = this.models;
    const field = this.root.querySelector(".models");
    field.hidden = names.length < 2;
    for (const name of names) {
      const label = document.createElement("label");
      const input = Object.assign(document.createElement("input"), {
        type: "radio",
        name: "model",
        value: name,
      });
      input.checked = name === this.name;
      input.addEventListener("change", () => this.#choose(name));
      label.append(input, TITLES[name] ?? name);
      field.append(label);
    }
  }

  async #share() {
    const link = address(this.space, {
      view: this.root.dataset.view,
      model: this.name,
      ...this.view.state(),
    });
    try {
      await navigator.clipboard.writeText(link);
      this.notify("The link is in your clipboard: it opens what you see now.");
    } catch {
      this.notify(link, LINK_MS); // a frame may not write to the clipboard
    }
  }
}

const FALLBACK =
  "This browser lacks WebAssembly SIMD, so the server draws the digits: answers take longer.";
const NO_ENGINE =
  "This browser lacks WebAssembly SIMD, which the model needs: update it, or use another one.";

/**
 * Start the page.
 * @param {HTMLElement} root the page's markup
 * @param {object} props
 * @param {Record<string, string>} props.models folders by name, the default first
 * @param {string | null} [props.space] the Space that it runs in
 * @param {string | null} [props.notice] stands at its head
 * @param {object | null} [server] Gradio's functions, for browsers that cannot run the engine
 */
export function start(root, props, server = null) {
  const notices = [props.notice];
  let engine;
  if (isSupported()) engine = new Pool();
  else {
    notices.push(server ? FALLBACK : NO_ENGINE);
    engine = server && new Server(server);
  }
  const standing = root.querySelector(".standing-notice");
  standing.textContent = notices.filter(Boolean).join(" ");
  standing.hidden = !standing.textContent;
  return engine ? new App(root, { ...props, engine }).start() : null;
}
