// The page: four views on one model, and what they share.

import { isSupported, Pool, Refusal, Unreachable } from "../engine/pool.js";
import { Announcer } from "./announcer.js";
import { makeModelChoice, titleOf } from "./choice.js";
import { DrawView } from "./draw.js";
import { makeFullscreen } from "./fullscreen.js";
import { History } from "./history.js";
import { HowView } from "./how.js";
import { ownKey, wireKeyboard } from "./keyboard.js";
import { loadLater } from "./later.js";
import { address, kept, texts, wholeNumber } from "./link.js";
import { Models } from "./models.js";
import { onThemeChange } from "./raster.js";
import { SampleView } from "./sample.js";
import { Server } from "./server.js";
import { Trouble } from "./trouble.js";
import { WatchView } from "./watch.js";
import { showWays } from "./ways.js";

const NOTICE_MS = 6000;
const LINK_MS = 60000; // time to copy it by hand
const VIEWS = ["draw", "sample", "watch", "how"];
const PAGE = "PixelCNN draws digits";

class App {
  constructor(root, { models, engine, trouble, space, ways }) {
    Object.assign(this, { root, engine, trouble, space });
    this.announcer = new Announcer(root.querySelector(".announcement"));
    this.models = new Models(engine, models, trouble);
    this.history = new History({
      framed: Boolean(space) && window.parent !== window,
      read: () => this.view && this.#present(),
      go: () => this.#go(),
    });
    this.only = VIEWS.find((name) => name === this.history.query.get("only")) ?? null; // of a lesson
    const section = (name) => root.querySelector(`#view-${name}`);
    this.views = {
      draw: new DrawView(this, section("draw")),
      sample: new SampleView(this, section("sample")),
      watch: new WatchView(this, section("watch")),
      how: new HowView(this, section("how")),
    };
    showWays(root.querySelector(".ways"), ways);
    wireKeyboard(root, () => root.querySelector(".view:not([hidden]) canvas[tabindex='0']"));
    const share = root.querySelector(".share");
    if (navigator.share) share.querySelector("span").textContent = "Share";
    share.addEventListener("click", () => this.#share());
    root.addEventListener("click", (event) => event.target.closest("[data-tour]") && this.#tour(1));
    makeFullscreen(root.querySelector(".fullscreen"), root);
    this.#fitFrame();
    window.addEventListener("unhandledrejection", (event) => {
      if (!(event.reason instanceof Refusal)) return;
      event.preventDefault();
      if (!(event.reason instanceof Unreachable)) this.notify(event.reason.message); // trouble tells itself
    });
  }

  /** The view that is open; none while the page changes to another model on its way to one. */
  get view() {
    return this.views[this.root.dataset.view];
  }

  /** The handler of what opens a digit in Watch; null in a lesson of one view, where there is no other. */
  toWatch(handler) {
    return this.only === null ? handler : null;
  }

  /** What a model is called. */
  title(name) {
    return titleOf(name);
  }

  /** Open the view, the model and the settings that the address asks for. */
  async start() {
    makeModelChoice(this.root, this.models.names, (name) => this.#pick(name));
    this.#wireTabs();
    onThemeChange(() => this.#each((view) => view.repaint()));
    await this.#go(this.history.views);
  }

  /** Go where the address says; `others` are the parameters of views that are not open, by name. */
  async #go(others = []) {
    const { query } = this.history;
    const { names } = this.models;
    const asked = query.get("model");
    if (!(await this.#take(names.includes(asked) ? asked : names[0]))) return;
    const wanted = this.only ?? this.history.view;
    const name = Object.hasOwn(this.views, wanted) ? wanted : "draw";
    for (const [other, parameters] of others) {
      if (other !== name && Object.hasOwn(this.views, other)) this.views[other].restore(parameters);
    }
    this.views[name].restore(query);
    this.#show(name);
    this.history.scroll();
    await this.#tour(wholeNumber(query.get("tour"), 1, Infinity));
  }

  /** The tour at a step, loaded when someone takes it; null: none. */
  async #tour(step) {
    if (step === null || this.only !== null) return this.tour?.close(); // a lesson has but one of its places
    const { Tour, LAST } = await loadLater(this.trouble, {
      name: "The tour",
      module: () => import("./tour.js"),
      styles: "../css/tour.css",
      wanted: () => true,
    });
    this.tour ??= new Tour(this);
    this.tour.show(Math.min(step, LAST));
  }

  /** What the address tells: see `History`. */
  #present() {
    const states = Object.entries(this.views).map(([name, view]) => [name, view.state()]);
    const parameters = { view: this.root.dataset.view, model: this.name, ...this.view.state() };
    const names = ["view", "model", ...states.flatMap(([, state]) => Object.keys(state))];
    const views = Object.fromEntries(states.map(([name, state]) => [name, texts(state)]));
    return { parameters, names, views };
  }

  /**
   * Take a model; `info` is what the page knows of it.
   * @returns {Promise<boolean>} false if another one was asked for meanwhile
   */
  async #choose(name) {
    this.wanted = name;
    this.models.choose(name);
    this.root.classList.toggle("choosing", name !== this.name); // what is shown is another model's
    try {
      const info = await this.models.info(name);
      if (this.wanted !== name) return false;
      Object.assign(this, { name, info });
    } finally {
      if (this.wanted === name) this.#chosen();
    }
    showWays(this.root.querySelector(".ways"), {
      card: this.models.file(name, "README.md"),
      weights: this.models.file(name, "model.safetensors"),
    });
    this.engine.cancel("complete");
    this.#each((view) => view.setModel());
    this.history.note();
    return true;
  }

  /** The choice shows the model whose results are shown, also if another one could not be taken. */
  #chosen() {
    this.root.classList.remove("choosing");
    for (const input of this.root.querySelectorAll("[name=model]")) {
      input.checked = input.value === this.name;
    }
  }

  /** Take the model that was pressed; and open a view, where that of the address could not be had. */
  async #pick(name) {
    if ((await this.#choose(name)) && !this.view) this.#show("draw");
  }

  /** Take a model on the way to another view: the one that is open asks it nothing. */
  async #take(name) {
    if (name === this.name) {
      this.wanted = name;
      this.models.choose(name);
      this.#chosen();
      return true;
    }
    this.view?.hide();
    delete this.root.dataset.view;
    return this.#choose(name);
  }

  notify(sentence, ms = NOTICE_MS) {
    const notice = this.root.querySelector(".notice");
    notice.textContent = sentence;
    clearTimeout(this.fading);
    this.fading = setTimeout(() => (notice.textContent = ""), ms);
  }

  /** Open an image in Watch, as the model that is named sees it. */
  async watch(request) {
    this.history.keep();
    if (!(await this.#take(request.model))) return;
    this.views.watch.ask(request);
    this.#show("watch");
    this.history.push();
    this.views.watch.enter();
  }

  /** Open a view, to come back from by Back. */
  open(name) {
    if (!this.info || this.view === this.views[name]) return; // without a model there is nothing to open
    this.history.keep();
    this.#show(name);
    this.history.push();
    this.view.reveal?.();
  }

  #show(name) {
    const focused = document.activeElement;
    if (this.view !== this.views[name]) this.view?.hide();
    if (this.view?.root.contains(focused)) this.view.focused = focused;
    this.root.dataset.view = name;
    for (const tab of this.root.querySelectorAll("[role=tab]")) {
      const chosen = tab.dataset.view === name;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      this.root.querySelector(`#view-${tab.dataset.view}`).hidden = !chosen;
      if (chosen) document.title = name === "draw" ? PAGE : `${tab.textContent} · ${PAGE}`;
    }
    this.view.show();
    // What had the focus is hidden now: it goes where it was when this view was left.
    if (focused !== document.body && !focused.checkVisibility()) this.#focus(name);
    this.history.note();
  }

  #focus(name) {
    const { focused } = this.views[name];
    const place = focused?.isConnected && !focused.disabled ? focused : null;
    (place ?? this.root.querySelector(`#tab-${name}`)).focus({ preventScroll: true });
  }

  #each(work) {
    for (const view of Object.values(this.views)) work(view);
  }

  #wireTabs() {
    const tabs = [...this.root.querySelectorAll("[role=tab]")];
    tabs.forEach((tab, k) => {
      tab.addEventListener("click", () => this.open(tab.dataset.view));
      tab.addEventListener("keydown", (event) => {
        const by = { ArrowRight: 1, ArrowLeft: -1 }[ownKey(event)];
        if (!by) return;
        const next = tabs[(k + by + tabs.length) % tabs.length];
        this.open(next.dataset.view);
        next.focus();
      });
    });
  }

  /** Within another page, or with one view for a lesson: without what does not belong there. */
  #fitFrame() {
    const embedded = this.history.query.get("embed") === "1";
    this.root.classList.toggle("embedded", embedded);
    this.root.querySelector(".tabs").hidden = this.only !== null;
    this.root.querySelector(".actions [data-tour]").hidden = this.only !== null || embedded;
    const whole = this.root.querySelector(".whole");
    whole.hidden = !embedded;
    whole.addEventListener("click", () => {
      const { parameters, names } = this.#present();
      const query = kept(this.history.query, [...names, "embed", "only"], parameters);
      whole.href = address(this.space, query);
    });
  }

  async #share() {
    const { parameters, names } = this.#present();
    const link = address(this.space, kept(this.history.query, names, parameters));
    if (await offered(link)) return;
    try {
      await navigator.clipboard.writeText(link);
      this.notify("The link is in your clipboard: it opens what you see now.");
    } catch {
      this.notify(link, LINK_MS); // a frame may not write to the clipboard
    }
  }
}

/** Hand a link to the visitor's other apps. False where the browser cannot, or a frame may not. */
async function offered(url) {
  if (!navigator.share) return false;
  try {
    await navigator.share({ title: document.title, url });
    return true;
  } catch ({ name }) {
    return name === "AbortError"; // the visitor thought better of it
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
 * @param {Record<string, string | null>} props.ways addresses of the code, and of what programs need
 * @param {string | null} [props.notice] stands at its head
 * @param {object | null} [server] Gradio's functions, for browsers that cannot run the engine
 */
export function start(root, props, server = null) {
  const notices = [props.notice];
  const trouble = new Trouble(root.querySelector(".trouble"), () =>
    root.querySelector("[role=tab][aria-selected=true]")?.focus({ preventScroll: true }),
  );
  let engine;
  if (isSupported()) engine = new Pool();
  else {
    notices.push(server ? FALLBACK : NO_ENGINE);
    engine = server && new Server(server, trouble);
  }
  const standing = root.querySelector(".standing-notice");
  standing.textContent = notices.filter(Boolean).join(" ");
  standing.hidden = !standing.textContent;
  return engine ? new App(root, { ...props, engine, trouble }).start() : null;
}
