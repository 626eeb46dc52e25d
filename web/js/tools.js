// The tools: undo and redo, by button and by key; clear, eraser, pen; temperature, and more completions.

import { setAttribute, setText } from "./raster.js";

export class Tools {
  /**
   * @param {HTMLElement} root holds the buttons, by `data-tool`, and takes the keys
   * @param {object} actions `undo`, `redo`, `clear`, `more`, `eraser`; `pen` of a size in pixels, `temperature` of one
   */
  constructor(root, { pen, temperature, ...actions }) {
    this.buttons = {};
    for (const [name, action] of Object.entries(actions)) {
      this.buttons[name] = root.querySelector(`[data-tool=${name}]`);
      this.buttons[name].addEventListener("click", action);
    }
    const slider = (name, action) => {
      const input = root.querySelector(`[name=${name}]`);
      input.addEventListener("input", () => action(Number(input.value)));
      return input;
    };
    slider("pen", pen);
    this.temperature = slider("temperature", temperature);
    root.addEventListener("keydown", (event) => {
      const action = actions[shortcut(event)];
      if (!action) return;
      event.preventDefault();
      action();
    });
  }

  /** Show what can be undone and redone, whether the pen erases, and the temperature. */
  show({ past, future }, { erase, temperature }) {
    const { undo, redo } = this.buttons;
    const focused = document.activeElement;
    undo.disabled = !past.length;
    redo.disabled = !future.length;
    if (focused === undo && undo.disabled) redo.focus(); // one of the two can be pressed
    if (focused === redo && redo.disabled) undo.focus();
    setAttribute(this.buttons.eraser, "aria-pressed", String(erase));
    this.temperature.value = temperature;
    setText(this.temperature.parentElement.querySelector("output"), String(temperature));
  }
}

/** The action that a key means, if any. A keyboard that writes no Latin letters has them where others do. */
function shortcut({ ctrlKey, metaKey, altKey, shiftKey, key, code }) {
  if (!(ctrlKey || metaKey) || altKey) return null;
  const pressed = (/^[a-z]$/i.test(key) ? key : code.replace("Key", "")).toLowerCase();
  if (pressed === "y" || (pressed === "z" && shiftKey)) return "redo";
  return pressed === "z" ? "undo" : null;
}
