// Runs once when Gradio mounts the component: `element`, `props` and `server` are Gradio's.
const files = `${window.gradio_config?.root ?? ""}/gradio_api/file=`;
const models = Object.fromEntries(
  Object.entries(props.models).map(([name, folder]) => [name, `${files}${folder}/`]),
);
import(`${files}${props.web}/js/main.js`).then(({ start }) =>
  start(element.querySelector(".pixelcnn"), { ...props, models }, server),
);
