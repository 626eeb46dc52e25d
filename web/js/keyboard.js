// What is other for those who use the keyboard.

/** The key of an event; null where it belongs to the browser or to the system. */
export function ownKey({ key, ctrlKey, metaKey, altKey }) {
  return ctrlKey || metaKey || altKey ? null : key;
}

/**
 * The first Tab lands on what the open view is for, the pad or the screen; what stands before it is reached by
 * Shift and Tab. And `root` has the class `by-keys` for as long as it is keys that are used.
 * @param {HTMLElement} root
 * @param {() => HTMLElement | null} place where the first Tab lands; null: where the browser would
 */
export function wireKeyboard(root, place) {
  let begun = false;
  document.addEventListener("pointerdown", () => {
    begun = true;
    root.classList.remove("by-keys");
  });
  document.addEventListener("keydown", (event) => {
    root.classList.add("by-keys");
    if (event.key !== "Tab" || begun) return;
    begun = true;
    const target = !event.shiftKey && document.activeElement === document.body ? place() : null;
    if (!target) return;
    event.preventDefault();
    target.focus();
  });
}
