// Runs once when Gradio mounts the component: `element`, `props` and `server` are Gradio's.
const root = window.gradio_config?.root ?? "";
import(`${root}/gradio_api/file=${props.folder}/js/main.js`).then(({ start }) =>
  start(element.querySelector(".pixelcnn"), props, server),
);
