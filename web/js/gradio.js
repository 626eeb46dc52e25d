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
import(`${files}${props.web}/js/main.js`).then(({ start }) =>
  start(element.querySelector(".pixelcnn"), { ...props, models, ways }, server),
);
