// Ten bars: how probable each digit is.

import { setAttribute } from "./raster.js";
import { percent } from "./words.js";

/** Fill `holder` with a bar per class; with `choose`, each is a button that toggles. */
export function makeBars(holder, classes, choose = null) {
  const bars = Array.from({ length: classes }, (_, digit) => {
    const bar = document.createElement(choose ? "button" : "div");
    bar.className = "bar";
    bar.innerHTML = `<span class="track"><span class="fill"></span></span><span class="name">${digit}</span>`;
    if (choose) {
      bar.type = "button";
      bar.setAttribute("aria-pressed", "false");
      bar.addEventListener("click", () => choose(digit));
    } else {
      bar.setAttribute("role", "img");
    }
    return bar;
  });
  holder.replaceChildren(...bars);
  setBars(bars, null);
  return {
    set: (digits, unlike) => setBars(bars, digits, unlike),
    press: (digit) => pressBar(bars, digit),
  };
}

/**
 * `digits` holds a probability for each bar; null where nothing is known yet. `unlike`: what is shown is like
 * none of the digits, so that how they compare is not put into figures.
 */
function setBars(bars, digits, unlike = false) {
  bars.forEach((bar, digit) => {
    const part = digits?.[digit] ?? 0;
    const verb = bar.type === "button" ? "; complete as it" : "";
    bar.querySelector(".fill").style.transform = `scaleY(${part})`;
    const share = digits ? percent(part) : "not known yet";
    setAttribute(bar, "aria-label", `${digit}: ${unlike ? "unlike it" : share}${verb}`);
    setAttribute(bar, "title", digits && !unlike ? `${digit}: ${percent(part, 1)}` : "");
  });
}

function pressBar(bars, chosen) {
  bars.forEach((bar, digit) => {
    bar.setAttribute("aria-pressed", String(digit === chosen));
  });
}
