"""Losses of a run, as a picture."""

import io
from pathlib import Path
from typing import Any

from pixelcnn.files import write_whole


def save_loss_curves(history: list[dict[str, Any]], path: Path) -> None:
    """Draw training and validation loss in nats per image against the epoch, as PNG."""
    from matplotlib.figure import Figure  # slow to import, and the page does without it
    from matplotlib.ticker import MaxNLocator

    epochs = [entry["epoch"] for entry in history]
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for split in ("train", "validation"):
        nats = [entry[f"{split}_nats_per_image"] for entry in history]
        axes.plot(epochs, nats, marker=".", label=split)
    # The first epochs would flatten the rest.
    settled = [entry["validation_nats_per_image"] for entry in history[len(history) // 10 :]]
    axes.set_ylim(top=max(settled) * 1.15)
    axes.set(xlabel="epoch", ylabel="nats per image")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend()
    picture = io.BytesIO()
    figure.savefig(picture, dpi=120)
    write_whole(path, picture.getvalue())
