// The page on the whole screen, where the browser allows it.

/** Wire `button` to let `root` fill the screen; it stays hidden where nothing may. */
export function makeFullscreen(button, root) {
  button.hidden = !document.fullscreenEnabled;
  const show = () => {
    const words = document.fullscreenElement ? "Leave full screen" : "Full screen";
    button.setAttribute("aria-label", words);
    button.title = words;
  };
  button.addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else root.requestFullscreen();
  });
  document.addEventListener("fullscreenchange", show);
  show();
}
