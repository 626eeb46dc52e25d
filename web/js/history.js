// The address tells what is on the screen, always: a view or a digit that was opened is an entry of its own,
// and what changes in it is written into its entry. So Back, Forward and a reload come back to the same.

import { kept } from "./link.js";

const PAUSE_MS = 250; // browsers take no more than some 100 changes of the address in ten seconds
const HUB = "https://huggingface.co";
const PANELS = ["api", "settings"]; // Gradio's, over the page: it names them by `view`, too

export class History {
  #timer = null;

  /**
   * @param {object} options
   * @param {boolean} options.framed by the Hub's page of a Space, which is told of every change
   * @param {() => object | null} options.read what there is to be written, or null for nothing: `parameters` of
   *   the address; `names`, all parameters that are the page's own; `views`, the parameters of each view
   * @param {() => void} options.go the visitor went back or forward
   */
  constructor({ framed, read, go }) {
    Object.assign(this, { framed, read });
    window.history.scrollRestoration = "manual"; // the view is shown later than a browser would scroll
    addEventListener("scroll", () => this.note(), { passive: true });
    addEventListener("popstate", () => {
      this.#stop();
      go();
    });
    addEventListener("pagehide", () => this.keep());
    // A panel of Gradio's writes its name into the address, and forgets what the entry told besides.
    window.navigation?.addEventListener("currententrychange", () => {
      if (!window.history.state) this.note();
    });
  }

  /** The parameters of the address. */
  get query() {
    return new URLSearchParams(location.search);
  }

  /** The view of the address; beneath a panel of Gradio's that of the entry. */
  get view() {
    const view = this.query.get("view");
    return PANELS.includes(view) ? window.history.state?.view : view;
  }

  /** The parameters of the views that were not open, by name; of an address that was not here before none. */
  get views() {
    return Object.entries(window.history.state?.views ?? {}).map(([name, parameters]) => [
      name,
      new URLSearchParams(parameters),
    ]);
  }

  /** Scroll to where the visitor was on this entry, if that is known. */
  scroll() {
    const top = window.history.state?.top;
    if (top !== undefined) scrollTo({ top, behavior: "instant" });
  }

  /** Something changed: its entry is brought up to date within a moment. */
  note() {
    this.#timer ??= setTimeout(() => this.keep(), PAUSE_MS);
  }

  /** Bring the entry up to date now: before another view opens. */
  keep() {
    this.#stop();
    this.#write("replaceState");
  }

  /** What is on the screen now is an entry of its own. */
  push() {
    this.#stop();
    this.#write("pushState");
  }

  #stop() {
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  #write(how) {
    const now = this.read();
    if (!now) return;
    const { parameters, names, views } = now;
    const { view } = parameters;
    const open = this.query.get("view");
    const isPanel = how === "replaceState" && PANELS.includes(open);
    const query = `?${kept(this.query, names, isPanel ? { ...parameters, view: open } : parameters)}`;
    const before = how === "replaceState" ? window.history.state : null;
    const state = { ...before, view, views, top: scrollY };
    window.history[how](state, "", query + location.hash);
    if (this.framed) window.parent.postMessage({ queryString: query }, HUB);
  }
}
