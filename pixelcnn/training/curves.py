"""Losses of a run, as a picture."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pixelcnn.files import write_whole


def save_loss_curves(
    history: list[dict[str, Any]], losses: Sequence[tuple[int, float]], path: Path
) -> None:
    """Draw training and validation loss in nats per image against the step, as PNG.

    Args:
        history: an entry an epoch, as in the log.
        losses: within the epochs, pairs of a step and a training loss.
        path: of the picture.
    """
    from matplotlib.figure import Figure  # slow to import, and the page does without it
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    train = losses or [(entry["step"], entry["train_nats_per_image"]) for entry in history]
    axes.plot(*zip(*train, strict=True), marker="." if len(train) < 9 else "", label="train")
    validation = [(entry["step"], entry["validation_nats_per_image"]) for entry in history]
    if validation:
        axes.plot(*zip(*validation, strict=True), marker="o", label="validation, after each epoch")
    # The first steps would flatten the rest.
    settled = [nats for _, nats in train[len(train) // 10 :]]
    settled += [nats for _, nats in validation[len(validation) // 10 :]]
    axes.set_ylim(top=max(settled) * 1.05)
    axes.set(xlabel="step", ylabel="nats per image")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend()
    picture = io.BytesIO()
    figure.savefig(picture, dpi=120)
    write_whole(path, picture.getvalue())
