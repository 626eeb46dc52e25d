// Which model draws: a choice, with a sentence on each. Where there is little room it comes after the views.

const KNOWN = {
  binary: ["Binary", "Ink or paper. It knows the ten digits, at any size."],
  gray: ["Greys", "Sixteen shades of ink. It knows the ten digits, too."],
  residual: ["Residual", "Another network, never told which digit is which."],
};
const little = matchMedia("(max-width: 899px), (max-height: 500px)"); // as in css/page.css

/** Make the choice in the `root` of the page; `choose(name)` is called for the model that is picked. */
export function makeModelChoice(root, names, choose) {
  const field = root.querySelector(".models");
  const masthead = field.parentElement;
  field.hidden = names.length < 2;
  field.append(...names.map((name) => option(name, choose)));
  const place = () => {
    if (little.matches) root.querySelector(".ways").before(field);
    else masthead.querySelector(".title").after(field);
  };
  little.addEventListener("change", place);
  place();
}

/** What a model is called. */
export const titleOf = (name) => KNOWN[name]?.[0] ?? name;

function option(name, choose) {
  const [, sentence = ""] = KNOWN[name] ?? [];
  const label = document.createElement("label");
  const settings = { type: "radio", name: "model", value: name };
  const input = Object.assign(document.createElement("input"), settings);
  input.addEventListener("change", () => choose(name));
  label.append(input, part("name", titleOf(name)), part("quiet-text", sentence));
  return label;
}

function part(className, textContent) {
  return Object.assign(document.createElement("span"), { className, textContent });
}
