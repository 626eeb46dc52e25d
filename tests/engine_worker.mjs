// web/engine/worker.js in a thread of Node.
import { parentPort } from "node:worker_threads";
import { serve } from "../web/engine/worker.js";

const port = { postMessage: (message) => parentPort.postMessage(message) };
serve(port);
parentPort.on("message", (data) => port.onmessage({ data }));
