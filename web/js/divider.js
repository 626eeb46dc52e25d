// The divider: a slider across the pad, by drag or by keys.

import { ownKey } from "./keyboard.js";

/**
 * Wire `handle`; `range()` returns {low, high, rows, height}, `set(rows)` moves it.
 * Until it was moved by hand it says that it can be.
 */
export function makeDivider(handle, range, set) {
  const move = (rows) => {
    handle.classList.remove("untouched");
    set(clamp(rows));
  };
  const clamp = (rows) => Math.max(range().low, Math.min(range().high, Math.round(rows)));
  handle.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    handle.focus();
    handle.setPointerCapture(event.pointerId);
  });
  handle.addEventListener("pointermove", (event) => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const box = handle.parentElement.getBoundingClientRect();
    move(((event.clientY - box.top) / box.height) * range().height);
  });
  handle.addEventListener("keydown", (event) => {
    const { low, high, rows } = range();
    const keys = { ArrowUp: rows - 1, ArrowDown: rows + 1, Home: low, End: high };
    keys.ArrowLeft = rows - 1;
    keys.ArrowRight = rows + 1;
    const to = keys[ownKey(event)];
    if (to === undefined) return;
    event.preventDefault();
    move(to);
  });
  let shown = null;
  return () => {
    const { low, high, rows, height } = range();
    const place = `${low} ${high} ${rows} ${height}`;
    if (place === shown) return;
    shown = place;
    handle.style.top = `${(100 * rows) / height}%`;
    handle.setAttribute("aria-valuemin", low);
    handle.setAttribute("aria-valuemax", high);
    handle.setAttribute("aria-valuenow", rows);
    handle.setAttribute("aria-valuetext", `${rows} rows are yours`);
  };
}
