"""What the page tells of a model: its shape, its results, and how its training went."""

import json
from pathlib import Path
from typing import Any

from pixelcnn.density.model import PixelCNN
from pixelcnn.store.folder import LOG, METRICS, grids
from pixelcnn.store.record import LOGGED


def describe(model: PixelCNN, folder: Path) -> dict[str, Any]:
    """Everything the scripts need to know of a model, as JSON.

    Args:
        model: as loaded.
        folder: of its weights; its figures, losses and grids of samples are shown where it has them.
    """
    c = model.config
    return {
        "height": c.height,
        "width": c.width,
        "levels": c.levels,
        "classes": c.num_classes,
        "freehand": c.freehand,
        "architecture": c.architecture,
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "metrics": _json(folder / METRICS),
        "history": _history(folder / LOG),
        "pictures": [
            {"epoch": epoch, "path": str(path.resolve())} for epoch, path in grids(folder).items()
        ],
    }


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _history(path: Path) -> list[dict[str, Any]]:
    """Epochs with both losses."""
    if not path.is_file():
        return []
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    return [
        {key: entry[key] for key in LOGGED} for entry in entries if all(k in entry for k in LOGGED)
    ]
