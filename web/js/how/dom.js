// Elements in one expression, for the figures of How it works.

const SVG = "http://www.w3.org/2000/svg";

/** An element with properties and children; a role, or what has a dash, is an attribute. */
export function make(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** The same for SVG, where all properties are attributes. */
export function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name === "role" || name.includes("-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** A button that says what it does. */
export function button(textContent, action, properties = {}) {
  const made = make("button", { type: "button", textContent, ...properties });
  made.addEventListener("click", action);
  return made;
}

/** The marked pixel of a canvas, in parts of the image. */
export function placeMark(mark, index, { height, width }) {
  mark.hidden = index === null;
  if (index === null) return;
  const [row, column] = [Math.floor(index / width), index % width];
  const parts = { left: column / width, top: row / height, width: 1 / width, height: 1 / height };
  for (const [side, part] of Object.entries(parts)) mark.style[side] = `${100 * part}%`;
}
