"""The page: sample digits, watch one appear, draw the top of one and have it completed.

Run `python app.py` and open http://127.0.0.1:7860; a Hugging Face Space runs the same file.
"""

import argparse
import sys
from pathlib import Path

import pixelcnn
from pixelcnn.ui.executor import ModelExecutor
from pixelcnn.ui.page import build_page, launch_options
from pixelcnn.ui.service import Service

WEIGHTS = Path(__file__).parent / "weights"
NAMES = ("binary", "gray", "residual")  # the first found is the default


def load_models(folder: Path) -> dict[str, pixelcnn.PixelCNN]:
    """Load the models that the folder holds, each warmed up by one digit.

    Raises:
        SystemExit: in one sentence, if there is none.
    """
    found = [name for name in NAMES if (folder / name / "config.json").is_file()]
    if not found:
        sys.exit(f"{folder} holds none of {', '.join(NAMES)}: train a model first.")
    models = {name: pixelcnn.load(folder / name) for name in found}
    for model in models.values():
        pixelcnn.generate(model, 1, label=0 if model.num_classes else None, seed=0)
    return models


def main() -> None:
    """Serve the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="folder of model folders")
    parser.add_argument("--port", type=int, help="7860, or the next free one, if not given")
    flags = parser.parse_args()
    service = Service(load_models(flags.weights), ModelExecutor())
    page = build_page(service, flags.weights)
    page.launch(server_port=flags.port, **launch_options())


if __name__ == "__main__":
    main()
