"""The page: sample digits, watch one appear, draw the top of one and have it completed.

Run `python app.py` and open http://127.0.0.1:7860; a Hugging Face Space runs the same file. An installed
package has the same command as `pixelcnn-app`.
"""

import gc
import importlib.util

gc.disable()  # until all is imported: to collect what imports allocate takes a tenth of the start

if importlib.util.find_spec("spaces"):  # in a Space; ZeroGPU wants it ahead of torch
    import spaces

from pixelcnn.ui.command import main

gc.enable()


def on_gpu() -> None:
    """Never called: ZeroGPU starts no Space without such a function.

    Digits are sampled on the CPU there. One takes some 5,000 small operations, one after the other, so a
    GPU has nothing to do in parallel; and ZeroGPU lends one for each call anew, through a queue, out of the
    visitor's few minutes a day, while the page asks several times a second as one draws.
    """


if importlib.util.find_spec("spaces"):
    spaces.GPU(on_gpu)


if __name__ == "__main__":
    main()
