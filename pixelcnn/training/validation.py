"""The validation images of a run, drawn once, and the likelihood of a model on them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pixelcnn.data.datasets import Images, evaluation_levels, freehand_images
from pixelcnn.density.model import CHUNK
from pixelcnn.devices import autocast
from pixelcnn.distributed import ALONE, World
from pixelcnn.training.run import Run


@dataclass(frozen=True)
class ValidationImages:
    """The validation split as the model of a run describes it."""

    labels: Tensor  # (N,)
    levels: Tensor  # (N, C, H, W) uint8
    freehand_levels: (
        Tensor | None
    )  # the same digits drawn free-hand, for a model that knows two hands

    @classmethod
    def of(cls, run: Run, images: Images) -> "ValidationImages":
        """Turn the split, as the dataset stores it, into levels; draw it free-hand, if the run needs that."""

        def to_levels(some: Images) -> Tensor:
            levels, binarization = run.model.config.levels, run.config.binarization
            return evaluation_levels(some, levels, binarization, "validation")

        two_hands = run.model.config.freehand
        drawn = to_levels(freehand_images(images, "validation")) if two_hands else None
        return cls(images.labels, to_levels(images), drawn)

    def measure(self, run: Run, world: World = ALONE) -> dict[str, float]:
        """What the log holds of the model on these images: `nats_per_image` in each style that it knows."""
        entry = {"validation_nats_per_image": self.nats_per_image(run, world)}
        if run.model.config.freehand:
            drawn = self.nats_per_image(run, world, freehand=True)
            entry["validation_freehand_nats_per_image"] = drawn
        return entry

    @torch.inference_mode()
    def nats_per_image(self, run: Run, world: World = ALONE, *, freehand: bool = False) -> float:
        """The mean of -log p, given the class where there are classes.

        Args:
            run: whose weights, or their average, count.
            world: the processes that share the images.
            freehand: of the digits drawn free-hand, and as such.

        Raises:
            DivergedError: in one sentence, if it is not finite, or has exploded.
            LostError: in one sentence, if another process has ended.
        """
        model, levels = run.evaluated.eval(), self.freehand_levels if freehand else self.levels
        assert levels is not None
        mine = world.share(len(levels))
        own = levels[mine].split(CHUNK), self.labels[mine].split(CHUNK)
        total = torch.zeros((), dtype=torch.float64, device=model.device)
        for batch, labels in zip(*own, strict=True):
            label = labels if model.num_classes else None
            with autocast(model.device, run.config.precision):
                logits = model(batch.long(), label, freehand=freehand)
            total -= model.likelihood.log_prob(logits, batch.long()).double().sum()
        (total,) = world.add_up([total])
        return run.check_loss(total, len(levels)) / len(levels)
