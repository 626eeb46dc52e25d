// Runs once when Gradio mounts the component: `element`, `props` and `server` are Gradio's.
const root = window.gradio_config?.root ?? "";
const files = `${root}/gradio_api/file=`;
const models = Object.fromEntries(
  Object.entries(props.models).map(([name, folder]) => [name, `${files}${folder}/`]),
);
const ways = {
  code: props.space ? `https://huggingface.co/spaces/${props.space}/tree/main` : null,
  programs: `${root}/?view=api`,
};
// Gradio opens its panels by its own buttons alone. One that the address names counts as open, unseen: the first
// of two presses closes it.
const panels = { api: ".show-api", settings: ".settings" };
const button = (panel) => document.querySelector(`footer > ${panels[panel]}`);
const asked = new URLSearchParams(location.search).get("view");
element.querySelector("[data-way=programs]").addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || !button("api")) return; // in a tab of its own
  event.preventDefault();
  button("api").click();
});
const loaded = import(`${files}${props.web}/js/main.js`);
loaded.then(async ({ start }) => {
  await start(element.querySelector(".pixelcnn"), { ...props, models, ways }, server);
  if (!Object.hasOwn(panels, asked)) return;
  button(asked)?.click();
  button(asked)?.click();
});
loaded.catch((error) => {
  const notice = element.querySelector(".standing-notice");
  notice.textContent = `The page's scripts do not come: reload it. (${error.message})`;
  notice.hidden = false;
});
