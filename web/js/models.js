// The models that the page offers: their configs, and when the engine has them.

import { Refusal, Unreachable } from "../engine/pool.js";
import { countParameters, parseJson, readConfig } from "../engine/tensors.js";

/** A file of a model, as text; null where there is none, or it cannot be had. */
export async function readText(url) {
  return fetchText(url).catch(() => null);
}

/** The same; null only where the server says that there is none. */
async function fetchText(url) {
  try {
    const response = await fetch(url);
    return response.ok ? await response.text() : null;
  } catch {
    throw new Unreachable(`${url} cannot be fetched.`);
  }
}

export class Models {
  #infos = new Map();
  #loads = new Map();
  #ready = new Set();
  #choices = 0;
  #chosen = null;

  /**
   * @param {object} engine a Pool, or a Server: what draws
   * @param {Record<string, string>} folders of the models by name: addresses that end with a slash
   * @param {Trouble} trouble for as long as they cannot be fetched
   */
  constructor(engine, folders, trouble) {
    Object.assign(this, { engine, folders, trouble });
  }

  get names() {
    return Object.keys(this.folders);
  }

  /** The address of a file of a model. */
  file(name, file) {
    return new URL(file, new URL(this.folders[name], document.baseURI)).href;
  }

  /** A model is chosen: what cannot be fetched of those before is given up. */
  choose(name) {
    this.#choices++;
    this.#chosen = name;
    this.trouble.retry();
  }

  /** What `fetching` resolves to, however long it takes. @throws {Unreachable} if another model is chosen */
  #outlast(name, fetching) {
    const choice = this.#choices;
    const task = async () => {
      try {
        return await fetching();
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
        throw new Unreachable(`The model ${name} cannot be fetched.`);
      }
    };
    const wanted = () => choice === this.#choices || name === this.#chosen;
    return this.trouble.outlast(task, wanted);
  }

  /** Sizes, classes and the like, as `readConfig` gives them. The weights are fetched meanwhile. */
  info(name) {
    this.ready(name).catch(() => {}); // whoever draws meets the same failure
    if (!this.#infos.has(name)) {
      const info = this.#outlast(name, () => this.#readInfo(name));
      info.catch(() => this.#infos.delete(name));
      this.#infos.set(name, info);
    }
    return this.#infos.get(name);
  }

  async #readInfo(name) {
    const url = this.file(name, "config.json");
    const text = await fetchText(url);
    if (text === null) throw new Unreachable(`${url} cannot be fetched.`);
    const info = readConfig(parseJson(text, url));
    if (info.channels !== 1) {
      throw new Refusal(`The page draws images of one channel, which ${name} is not.`);
    }
    return info;
  }

  /** Resolves when the engine has the model. What failed is tried anew. */
  ready(name) {
    if (!this.#loads.has(name)) {
      const load = this.#outlast(name, () => this.#load(name));
      load.then(
        () => this.#ready.add(name),
        () => this.#loads.delete(name),
      );
      this.#loads.set(name, load);
    }
    return this.#loads.get(name);
  }

  /** The weights; and what is usual to them, where that was measured. */
  async #load(name) {
    const url = this.file(name, "typicality.json");
    const [reference] = await Promise.all([
      fetchText(url),
      this.engine.load(name, this.file(name, "")),
    ]);
    try {
      if (reference) this.engine.calibrate?.(name, parseJson(reference, url));
    } catch (error) {
      Promise.reject(error); // a notice says so; the model draws without it
    }
  }

  /** Whether the engine has the model. */
  isReady(name) {
    return this.#ready.has(name);
  }

  /** How many parameters the weights have, where they are here; else null. */
  parameters(name) {
    const weights = this.engine.files?.(name)?.weights;
    return weights ? countParameters(weights) : null;
  }
}
