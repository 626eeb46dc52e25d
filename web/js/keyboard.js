// The first Tab lands on what the open view is for: the pad, or the screen. What stands before it is reached by
// Shift and Tab.

/** Wire it; `place()` is where to, or null for where the browser would go. */
export function landFirstTab(place) {
  const landed = new AbortController();
  const { signal } = landed;
  document.addEventListener("pointerdown", () => landed.abort(), { signal });
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Tab") return;
      landed.abort();
      const target = !event.shiftKey && document.activeElement === document.body ? place() : null;
      if (!target) return;
      event.preventDefault();
      target.focus();
    },
    { signal },
  );
}
