"""A training run: all of its state, begun anew or restored from a checkpoint."""

import copy
import math
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from pixelcnn.config import ModelConfig, TrainConfig
from pixelcnn.density.model import PixelCNN
from pixelcnn.devices import resolve_precision
from pixelcnn.training.checkpoint import State, random_state, restore_random_state
from pixelcnn.training.optimizers import make_optimizers

VERSION = 1  # of what `Run.state` holds
EXPLODED = 10  # times the loss of a uniform guess
_VERTICAL = "network.vertical."  # and the number of a block: names of its weights


class DivergedError(RuntimeError):
    """The loss, or a weight, is no longer a finite number, or the loss has exploded."""


@dataclass
class Run:
    """A training run in progress: all its state."""

    model: PixelCNN
    average: PixelCNN | None  # of the weights, if the config asks for one
    optimizers: list[torch.optim.Optimizer]
    config: TrainConfig
    epoch: int = 1  # the one in progress
    step: int = 0  # steps done, in all epochs
    loss_sum: float = 0.0  # nats, over the images of this epoch so far
    history: list[dict[str, Any]] = field(default_factory=list)  # one entry an epoch
    # Within the epochs: pairs of a step and the mean training loss of the images since the pair before.
    losses: list[tuple[int, float]] = field(default_factory=list)
    noted: tuple[float, int] = (0.0, 0)  # `loss_sum`, and of how many images, at the last of these

    @property
    def evaluated(self) -> PixelCNN:
        """The model whose likelihood counts: the average, if there is one."""
        return self.model if self.average is None else self.average

    @property
    def best_epoch(self) -> int | None:
        """The first epoch with the lowest validation loss (of two hands: their sum); None before its end."""
        if not self.history:
            return None
        return int(min(self.history, key=_validation_loss)["epoch"])

    def check_loss(self, total: Tensor, num_images: int = 1) -> float:
        """The sum of the losses of some images, a scalar, as a number.

        Raises:
            DivergedError: in one sentence that says what to change, if it or a weight is not finite, or if
                the loss has exploded: at `EXPLODED` times that of a uniform guess no run comes back.
        """
        c, value = self.model.config, float(total)
        guess = c.in_channels * c.height * c.width * math.log(c.levels)
        if value < EXPLODED * guess * num_images and self._finite_weights():
            return value
        wrong = (
            f"The loss has exploded to {value / num_images:.3g} nats per image"
            if math.isfinite(value) and self._finite_weights()
            else "The loss or a weight is no longer a finite number"
        )
        raise DivergedError(
            f"{wrong}, at step {self.step}, in epoch {self.epoch}: train with a lower --lr (and --muon-lr),"
            " a --grad-clip such as 1, more --warmup-steps, more --weight-decay, or --precision fp32."
        )

    def note_loss(self, total: Tensor, num_images: int) -> None:
        """Add to `losses`; the total is over the first images of the epoch.

        Raises:
            DivergedError: as `check_loss`.
        """
        before, images = self.noted
        self.noted = self.check_loss(total, num_images), num_images
        self.losses.append((self.step, (self.noted[0] - before) / (num_images - images)))

    def _finite_weights(self) -> bool:
        return all(bool(p.isfinite().all()) for p in self.model.parameters())

    def state(self) -> State:
        """Everything that a resumed run needs."""
        return {
            "version": VERSION,
            "model_config": self.model.config.to_dict(),
            "train_config": self.config.to_dict(),
            "model": self.model.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "optimizers": [each.state_dict() for each in self.optimizers],
            "random": random_state(self.model.device),
            "epoch": self.epoch,
            "step": self.step,
            "loss_sum": self.loss_sum,
            "history": self.history,
            "losses": [list(pair) for pair in self.losses],
            "noted": list(self.noted),
        }


def _validation_loss(entry: dict[str, Any]) -> float:
    """What the best epoch has least of: nats in both hands, where there are two."""
    nats: float = entry["validation_nats_per_image"]
    others = ("validation_freehand_nats_per_image", "validation_head_nats")
    return nats + sum(float(entry.get(name, 0)) for name in others)


def start(
    model_config: ModelConfig,
    config: TrainConfig,
    device: torch.device,
    *,
    init: PixelCNN | None = None,
) -> Run:
    """Begin a run, with weights that the seed decides, or with those of `init`.

    `init` may have other levels: its last layer is then left out. It may have fewer vertical blocks: those
    that it lacks come just before the first that is told the class, and begin as the identity, so that the
    deeper network computes what `init` does (Net2Net, Chen et al. 2016, arXiv:1511.05641, section 2.3). It
    may lack the conditioner, which then begins with random blocks and terms of zero. The config of the run
    has the precision that `auto` means on the device.

    Raises:
        ValueError: in one sentence, if `init` is another model.
    """
    torch.manual_seed(config.seed)
    model = PixelCNN(model_config).to(device)
    if init is not None:
        _take_over(model, init)
    if config.objective == "any-part":
        if model.conditioner is None:
            raise ValueError("--objective any-part needs a conditioner: give --conditioner-dim.")
        model.network.requires_grad_(False)
    average = copy.deepcopy(model).eval() if config.ema else None
    config = replace(config, precision=resolve_precision(config.precision, device))
    return Run(model, average, make_optimizers(model, config), config)


def _take_over(model: PixelCNN, init: PixelCNN) -> None:
    """Give the weights of one model to another, as far as `start` says that they fit."""
    c, old = model.config, init.config
    first, new = old.class_from, len(c.dilations) - len(old.dilations)
    same = replace(old, dropout=c.dropout, levels=c.levels, likelihood=c.likelihood)
    if not old.conditioner_dim:
        same = replace(
            same,
            conditioner_dim=c.conditioner_dim,
            conditioner_dilations=c.conditioner_dilations,
        )
    if new > 0 and c.architecture == "gated":
        grown = (*old.dilations[:first], *c.dilations[first : first + new], *old.dilations[first:])
        same = replace(same, dilations=grown, class_from=first + new)
    if same != c:
        raise ValueError(f"init is another model, {old}: give the same flags.")
    weights, own = init.state_dict(), model.state_dict()
    if new:
        weights = {_moved(name, first, new): value for name, value in weights.items()}
        for block in range(first, first + new):
            prefix = f"{_VERTICAL}{block}."
            weights |= {name: own[name] for name in own if name.startswith(prefix)}
            weights[f"{prefix}out.weight"] = torch.zeros_like(own[f"{prefix}out.weight"])
    if not old.conditioner_dim:
        weights |= {name: own[name] for name in own if name.startswith("conditioner.")}
    if old.levels != c.levels:
        weights |= {name: own[name] for name in own if name.startswith("network.head.out.")}
    model.load_state_dict(weights)


def _moved(name: str, first: int, new: int) -> str:
    """The name of a weight after `new` vertical blocks came before the one numbered `first`."""
    if not name.startswith(_VERTICAL):
        return name
    block, rest = name.removeprefix(_VERTICAL).split(".", 1)
    return f"{_VERTICAL}{int(block) + new * (int(block) >= first)}.{rest}"


def restore(state: State, device: torch.device) -> Run:
    """The run whose `state` this is.

    Raises:
        ValueError: in one sentence, if it is of another version of this project, or does not fit its config.
    """
    version = state.get("version", VERSION)  # the earliest had none
    if version != VERSION:
        raise ValueError(f"it is of version {version}, and this is version {VERSION}")
    try:
        return _restore(state, device)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(str(error).splitlines()[0].rstrip(".:")) from error
    except KeyError as error:
        raise ValueError(f"it lacks {error}") from error


def _restore(state: State, device: torch.device) -> Run:
    config = TrainConfig.from_dict(state["train_config"])
    run = start(ModelConfig.from_dict(state["model_config"]), config, device)
    run.model.load_state_dict(state["model"])
    if run.average is not None:
        run.average.load_state_dict(state["average"])
    for optimizer, saved in zip(run.optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    run.epoch, run.step, run.loss_sum = state["epoch"], state["step"], state["loss_sum"]
    run.history = state["history"]
    if "losses" in state:  # as version 0.1 kept none
        run.losses = [(step, nats) for step, nats in state["losses"]]
        total, images = state["noted"]
        run.noted = total, images
    restore_random_state(state["random"], device)
    return run
