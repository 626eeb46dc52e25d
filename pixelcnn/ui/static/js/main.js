// The page: four views on one model, and what they share.

import { ask, Refusal } from "./ask.js";
import { DrawView } from "./draw.js";
import { HowView } from "./how.js";
import { address } from "./link.js";
import { onThemeChange } from "./raster.js";
import { SampleView } from "./sample.js";
import { WatchView } from "./watch.js";

const NOTICE_MS = 6000;
const LINK_MS = 60000; // time to copy it by hand

class App {
  constructor(root, props, server) {
    Object.assign(this, { root, server, models: props.models, space: props.space });
    this.files = import.meta.url.slice(0, import.meta.url.indexOf("file=") + "file=".length);
    this.query = new URLSearchParams(location.search);
    const asked = this.query.get("model");
    this.name = Object.hasOwn(this.models, asked) ? asked : Object.keys(this.models)[0];
    const standing = root.querySelector(".standing-notice");
    standing.textContent = props.notice ?? "";
    standing.hidden = !props.notice;
    const section = (name) => root.querySelector(`#view-${name}`);
    this.views = {
      draw: new DrawView(this, section("draw")),
      sample: new SampleView(this, section("sample")),
      watch: new WatchView(this, section("watch")),
      how: new HowView(this, section("how")),
    };
    this.#wireTabs();
    this.#makeModelChoice();
    root.querySelector(".share").addEventListener("click", () => this.#share());
    onThemeChange(() => this.#each((view) => void view.repaint()));
    window.addEventListener("unhandledrejection", (event) => {
      if (!(event.reason instanceof Refusal)) return;
      event.preventDefault();
      this.notify(event.reason.message);
    });
  }

  /** What the page knows of the model in use. */
  get info() {
    return this.models[this.name];
  }

  get view() {
    return this.views[this.root.dataset.view];
  }

  start() {
    this.#each((view) => void view.setModel());
    const asked = this.query.get("view");
    const name = Object.hasOwn(this.views, asked) ? asked : "draw";
    this.views[name].restore(this.query);
    this.open(name);
  }

  ask(name, request) {
    return ask(this.server, name, request);
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
    if (this.view !== this.views[name]) this.view.hide();
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
    const names = Object.keys(this.models);
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
      input.addEventListener("change", () => {
        this.name = name;
        this.#each((view) => void view.setModel());
      });
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

const TITLES = { binary: "Binary", gray: "Greys", residual: "Residual" };

/** Called once by mount.js. */
export function start(root, props, server) {
  new App(root, props, server).start();
}
