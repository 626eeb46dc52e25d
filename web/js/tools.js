// The tools below the pad: undo and redo, by button and by key; clear, eraser, pen; and more completions.

import { setAttribute } from "./raster.js";

export class Tools {
  /**
   * @param {HTMLElement} root holds the buttons, by `data-tool`, and takes the keys
   * @param {object} actions `undo`, `redo`, `clear`, `more`, `eraser`, and `pen` of a size in pixels
   */
  constructor(root, { pen, ...actions }) {
    this.buttons = {};
    for (const [name, action] of Object.entries(actions)) {
      this.buttons[name] = root.querySelector(`[data-tool=${name}]`);
      this.buttons[name].addEventListener("click", action);
    }
    root.querySelector("[name=pen]").addEventListener("input", (event) => {
      pen(Number(event.target.value));
    });
    root.addEventListener("keydown", (event) => {
      const action = actions[shortcut(event)];
      if (!action) return;
      event.preventDefault();
      action();
    });
  }

  /** Show what can be undone and redone, and whether the pen erases. */
  show({ past, future }, erase) {
    this.buttons.undo.disabled = !past.length;
    this.buttons.redo.disabled = !future.length;
    setAttribute(this.buttons.eraser, "aria-pressed", String(erase));
  }
}

/** The action that a key means, if any. */
function shortcut({ ctrlKey, metaKey, shiftKey, key }) {
  if (!(ctrlKey || metaKey)) return null;
  const pressed = key.toLowerCase();
  if (pressed === "y" || (pressed === "z" && shiftKey)) return "redo";
  return pressed === "z" ? "undo" : null;
}
