// Ten bars: how probable each digit is.

import { setAttribute } from "./raster.js";

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
  return { set: (digits) => setBars(bars, digits), press: (digit) => pressBar(bars, digit) };
}

/** `digits` holds a probability for each bar; null where nothing is known yet. */
function setBars(bars, digits) {
  bars.forEach((bar, digit) => {
    const part = digits?.[digit] ?? 0;
    const verb = bar.type === "button" ? "; complete as it" : "";
    const share = digits ? `${Math.round(100 * part)} percent` : "not known yet";
    bar.querySelector(".fill").style.transform = `scaleY(${part})`;
    setAttribute(bar, "aria-label", `${digit}: ${share}${verb}`);
    setAttribute(bar, "title", digits ? `${digit}: ${(100 * part).toFixed(1)} %` : "");
  });
}

function pressBar(bars, chosen) {
  bars.forEach((bar, digit) => {
    bar.setAttribute("aria-pressed", String(digit === chosen));
  });
}
