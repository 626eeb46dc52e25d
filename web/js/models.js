// The models that the page offers: their configs, and when the engine has them.

import { Refusal } from "../engine/pool.js";
import { readConfig } from "../engine/tensors.js";

/** A file of a model, as text; null where there is none. */
export async function readText(url) {
  const response = await fetch(url).catch(() => null);
  return response?.ok ? response.text() : null;
}

export class Models {
  #infos = new Map();
  #loads = new Map();
  #ready = new Set();

  /**
   * @param {object} engine a Pool, or a Server: what draws
   * @param {Record<string, string>} folders of the models by name: addresses that end with a slash
   */
  constructor(engine, folders) {
    this.engine = engine;
    this.folders = folders;
  }

  get names() {
    return Object.keys(this.folders);
  }

  /** The address of a file of a model. */
  file(name, file) {
    return new URL(file, new URL(this.folders[name], document.baseURI)).href;
  }

  /** Sizes, classes and the like, as `readConfig` gives them. The weights are fetched meanwhile. */
  info(name) {
    this.ready(name).catch(() => {}); // whoever draws meets the same failure
    if (!this.#infos.has(name)) this.#infos.set(name, this.#readInfo(name));
    return this.#infos.get(name);
  }

  async #readInfo(name) {
    const text = await readText(this.file(name, "config.json"));
    if (text === null) {
      this.#infos.delete(name);
      throw new Refusal(`The model ${name} cannot be had: reload the page in a moment.`);
    }
    const info = readConfig(JSON.parse(text));
    if (info.channels !== 1) {
      throw new Refusal(`The page draws images of one channel, which ${name} is not.`);
    }
    return info;
  }

  /** Resolves when the engine has the model. What failed is tried anew. */
  ready(name) {
    if (!this.#loads.has(name)) {
      const load = this.#load(name);
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
    const usual = readText(this.file(name, "typicality.json"));
    await this.engine.load(name, this.file(name, ""));
    const reference = await usual;
    if (reference) this.engine.calibrate?.(name, JSON.parse(reference));
  }

  /** Whether the engine has the model. */
  isReady(name) {
    return this.#ready.has(name);
  }

  /** How many parameters the weights have, where they are here; else null. */
  parameters(name) {
    const weights = this.engine.files?.(name)?.weights;
    if (!weights) return null;
    const header = new DataView(weights.buffer, weights.byteOffset).getUint32(0, true); // its size
    return (weights.length - 8 - header) / 4;
  }
}
