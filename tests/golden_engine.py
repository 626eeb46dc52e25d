"""What the engine computes, down to the bits: of two toys, and of `weights/residual`.

`python -m tests.golden_engine` writes the toys and the bits anew, by Node. That is right only where the
arithmetic of the engine or `weights/residual` changes.
"""

import json
from pathlib import Path

import torch

from pixelcnn.store.folder import save
from tests.engine import ask
from tests.toys import toy_config, wild_model

FOLDER = Path(__file__).parent / "golden"
BITS = FOLDER / "engine.json"
WEIGHTS = Path(__file__).parents[1] / "weights"
TOYS = {
    "gated": toy_config("gated", "categorical", num_classes=3, freehand=True, class_from=1),
    "residual": toy_config("residual", "bernoulli", num_classes=3, in_channels=2),
}


def folders():
    """The models whose bits are kept, by name."""
    return {f"toy-{name}": FOLDER / f"toy-{name}" for name in TOYS} | {
        "residual": WEIGHTS / "residual"
    }


def by_node(folder):
    """What the engine computes in Node."""
    (lines,) = ask(folder, {"kind": "golden"})
    return lines


def main() -> None:
    """Write toys and bits."""
    for name, config in TOYS.items():
        save(wild_model(config, dtype=torch.float32), FOLDER / f"toy-{name}")
    bits = {name: by_node(folder) for name, folder in folders().items()}
    BITS.write_text(json.dumps(bits, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
