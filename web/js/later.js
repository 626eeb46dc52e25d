// What is not there at the start: a module and its style sheet, fetched when they are asked for first.

import { Unreachable } from "../engine/pool.js";

/** Add a style sheet to the page, once. */
function loadStyles(file) {
  const { href } = new URL(file, import.meta.url);
  if ([...document.styleSheets].some((sheet) => sheet.href === href)) return null;
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href });
  const loaded = new Promise((done, fail) => {
    link.onload = done;
    link.onerror = () => {
      link.remove();
      fail(new TypeError(`${href} cannot be had.`)); // as of a module
    };
  });
  document.head.append(link);
  return loaded;
}

/**
 * Fetch a module and its style sheet; what cannot be reached is tried again.
 * @param {import("./trouble.js").Trouble} trouble
 * @param {object} what
 * @param {string} what.name as a person knows it
 * @param {() => Promise<object>} what.module imports it
 * @param {string} what.styles relative to this folder
 * @param {() => boolean} what.wanted whether it still is
 * @returns {Promise<object>} the module
 * @throws {Unreachable} if it is no longer wanted
 */
export function loadLater(trouble, { name, module, styles, wanted }) {
  const fetchBoth = async () => {
    try {
      const [loaded] = await Promise.all([module(), loadStyles(styles)]);
      return loaded;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // a fault in it, not of the network
      throw new Unreachable(`${name} cannot be fetched.`);
    }
  };
  return trouble.outlast(fetchBoth, wanted);
}
