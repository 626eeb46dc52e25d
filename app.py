"""The page of `web/` in Gradio, with endpoints for programs and tools for agents.

Run `python app.py` and open http://127.0.0.1:7860; a Hugging Face Space runs the same file. An installed
package has the same command as `pixelcnn-app`. The browser computes the page's digits itself.
"""

import importlib.util

if importlib.util.find_spec("spaces"):  # in a Space; ZeroGPU wants it ahead of torch
    import spaces

from pixelcnn.ui.command import main


def on_gpu() -> None:
    """Never called: ZeroGPU starts no Space without such a function.

    Digits are sampled on the CPU there. One takes some 5,000 small operations, one after the other, so a
    GPU has nothing to do in parallel; and ZeroGPU lends one for each call anew, through a queue, out of the
    visitor's few minutes a day.
    """


if importlib.util.find_spec("spaces"):
    spaces.GPU(on_gpu)


if __name__ == "__main__":
    main()
