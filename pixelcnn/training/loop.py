"""The training loop: maximum likelihood by Adam, resumable at any step, bit for bit on a CPU.

The loop writes no files. It calls whoever keeps them, after an epoch and at a checkpoint: see
`run_folder.py`.

What happens in a step follows from its number and the config alone, beside the state that a checkpoint
holds: the order of the images and their random draws are seeded by (seed, epoch), the learning rate is a
function of the step.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from pixelcnn.config import ModelConfig, TrainConfig
from pixelcnn.data.datasets import Images, evaluation_levels, freehand_images, training_batches
from pixelcnn.density.layers import CausalConv2d
from pixelcnn.density.metrics import bits_per_dim
from pixelcnn.density.model import CHUNK, PixelCNN
from pixelcnn.density.networks import GatedNetwork
from pixelcnn.devices import autocast, one_thread_workers, resolve_precision
from pixelcnn.training.checkpoint import State, random_state, restore_random_state
from pixelcnn.training.muon import Muon

CHECK_STEPS = 20  # the loss is looked at every so many steps


class DivergedError(RuntimeError):
    """The loss, or a weight, is no longer a finite number."""


def learning_rate_factor(config: TrainConfig, step: int, steps_per_epoch: int) -> float:
    """The share of the learning rates that a step, counted from 0, takes.

    Example:
        >>> config = TrainConfig(epochs=2, gamma=0.5, warmup_steps=4)
        >>> [learning_rate_factor(config, step, 10) for step in (0, 3, 9, 10)]
        [0.25, 1.0, 1.0, 0.5]
    """
    warmup = min(1.0, (step + 1) / max(1, config.warmup_steps))
    if config.schedule == "exponential":
        return warmup * config.gamma ** (step // steps_per_epoch)
    done = step / (config.epochs * steps_per_epoch)
    return warmup * 0.5 * (1 + math.cos(math.pi * done))


def make_optimizers(model: PixelCNN, config: TrainConfig) -> list[torch.optim.Optimizer]:
    """Adam (with weight decay, AdamW); before it Muon for the matrices inside, if the config says so."""
    inside = matrices_inside(model) if config.optimizer == "muon" else []
    taken = {id(p) for p in inside}
    adam = torch.optim.AdamW(
        [p for p in model.parameters() if id(p) not in taken],
        lr=config.lr,
        betas=(0.9, config.beta2),
        weight_decay=config.weight_decay,
        fused=True,
    )
    muon = [Muon(inside, lr=config.muon_lr, weight_decay=config.weight_decay)] if inside else []
    for optimizer in (*muon, adam):
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
    return [*muon, adam]


def matrices_inside(model: PixelCNN) -> list[nn.Parameter]:
    """The matrices from features to features: without embeddings, the first layer and the logits."""
    network = model.network
    blocks = (
        [*network.vertical, *network.horizontal]
        if isinstance(network, GatedNetwork)
        else network.blocks
    )
    layers = [layer for block in blocks for layer in block.children()]
    linear = [layer for layer in layers if isinstance(layer, nn.Linear | CausalConv2d)]
    weights = [layer.weight for layer in (*linear, network.head.hidden)]
    return [weight for weight in weights if isinstance(weight, nn.Parameter)]


@torch.no_grad()
def update_average(average: PixelCNN, model: PixelCNN, config: TrainConfig, step: int) -> None:
    """Move the averaged weights towards the model's; the first steps forget faster."""
    decay = min(config.ema, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)


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

    def state(self) -> State:
        """Everything that a resumed run needs."""
        return {
            "model_config": self.model.config.to_dict(),
            "train_config": self.config.to_dict(),
            "model": self.model.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "optimizers": [each.state_dict() for each in self.optimizers],
            "random": random_state(),
            "epoch": self.epoch,
            "step": self.step,
            "loss_sum": self.loss_sum,
            "history": self.history,
        }


def start(
    model_config: ModelConfig,
    config: TrainConfig,
    device: torch.device,
    *,
    init: PixelCNN | None = None,
) -> Run:
    """Begin a run, with weights that the seed decides, or with those of `init`.

    `init` may have other levels: its last layer is then left out. The config of the run has the precision
    that `auto` means on the device.

    Raises:
        ValueError: in one sentence, if `init` is another model.
    """
    torch.manual_seed(config.seed)
    model = PixelCNN(model_config).to(device)
    if init is not None:
        _take_over(model, init)
    average = copy.deepcopy(model).eval() if config.ema else None
    config = replace(config, precision=resolve_precision(config.precision, device))
    return Run(model, average, make_optimizers(model, config), config)


def _take_over(model: PixelCNN, init: PixelCNN) -> None:
    """Give the weights of one model to another; of one with other levels, all but the last layer."""
    c = model.config
    same = replace(init.config, dropout=c.dropout, levels=c.levels, likelihood=c.likelihood)
    if same != c:
        raise ValueError(f"init is another model, {init.config}: give the same flags.")
    weights = init.state_dict()
    if init.config.levels != c.levels:
        own = model.state_dict()
        weights |= {name: own[name] for name in own if name.startswith("network.head.out.")}
    model.load_state_dict(weights)


def restore(state: State, device: torch.device) -> Run:
    """The run whose `state` this is."""
    config = TrainConfig.from_dict(state["train_config"])
    run = start(ModelConfig.from_dict(state["model_config"]), config, device)
    run.model.load_state_dict(state["model"])
    if run.average is not None:
        run.average.load_state_dict(state["average"])
    for optimizer, saved in zip(run.optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    run.epoch, run.step, run.loss_sum = state["epoch"], state["step"], state["loss_sum"]
    run.history = state["history"]
    restore_random_state(state["random"])
    return run


def _validation_loss(entry: dict[str, Any]) -> float:
    """What the best epoch has least of: nats in both hands, where there are two."""
    nats: float = entry["validation_nats_per_image"]
    return nats + float(entry.get("validation_freehand_nats_per_image", 0))


def _keep_nothing(run: Run) -> None:
    """For a run without files."""


def train(
    run: Run,
    images: Images,
    validation: Images,
    *,
    after_epoch: Callable[[Run], None] = _keep_nothing,
    checkpoint: Callable[[Run], None] = _keep_nothing,
    should_stop: Callable[[int], bool] = lambda step: False,
    checkpoint_steps: int = 500,
    report: Callable[[str], None] = tqdm.write,
) -> bool:
    """Train until the last epoch, or until told to stop.

    Args:
        run: new or restored.
        images, validation: the two splits, on the device of the model.
        after_epoch: called when an epoch has ended, validated and in the history.
        checkpoint: called every so many steps, against a crash, and when the run stops within an epoch.
        should_stop: asked after each step.
        checkpoint_steps: how many steps lie between two checkpoints.
        report: takes a line for people.

    Returns:
        Whether the run is complete.

    Raises:
        DivergedError: in one sentence, if the loss is no longer finite; nothing of that is kept.
    """
    if run.config.freehand:
        images = images.traced()
    while run.epoch <= run.config.epochs:
        if not _train_epoch(run, images, checkpoint, should_stop, checkpoint_steps):
            return False
        _finish_epoch(run, images, validation, report)
        after_epoch(run)
    return True


def _train_epoch(
    run: Run,
    images: Images,
    checkpoint: Callable[[Run], None],
    should_stop: Callable[[int], bool],
    checkpoint_steps: int,
) -> bool:
    """Take the steps of the epoch that are left; False if told to stop before the last one."""
    config, model = run.config, run.model
    steps = math.ceil(len(images) / config.batch_size)
    done = run.step - (run.epoch - 1) * steps
    batches = training_batches(
        images,
        levels=model.config.levels,
        binarization=config.binarization,
        batch_size=config.batch_size,
        shift=config.shift,
        freehand=config.freehand,
        seed=config.seed,
        epoch=run.epoch,
        start=done,
    )
    model.train()
    total = torch.tensor(run.loss_sum, dtype=torch.float64, device=model.device)
    bar = tqdm(total=len(images), initial=done * config.batch_size, unit="img", disable=None)
    bar.set_description(f"epoch {run.epoch}/{config.epochs}")
    with bar:
        for levels, labels, freehand in batches:
            rate = learning_rate_factor(config, run.step, steps)
            loss = train_step(run, levels, labels, freehand, rate)
            total += loss.detach() * len(levels)
            run.step += 1
            bar.update(len(levels))
            if run.step % CHECK_STEPS == 0:
                nats = _finite(loss, run)
                bar.set_postfix(nats=f"{nats:.2f}", refresh=False)
            stop = should_stop(run.step)
            if stop or run.step % checkpoint_steps == 0:
                run.loss_sum = _finite(total, run)
                checkpoint(run)
            if stop:
                return False
    run.loss_sum = _finite(total, run)
    return True


def _finite(loss: Tensor, run: Run) -> float:
    """The loss as a number, if it is one, and if the weights are.

    Raises:
        DivergedError: in one sentence that says what to change, if not.
    """
    value = float(loss)
    if math.isfinite(value) and all(bool(p.isfinite().all()) for p in run.model.parameters()):
        return value
    raise DivergedError(
        f"The loss or a weight is no longer a finite number, at step {run.step}, in epoch {run.epoch}:"
        " train with a lower --lr, a --grad-clip such as 1, more --warmup-steps, or --precision fp32."
    )


def train_step(run: Run, levels: Tensor, labels: Tensor, freehand: Tensor, rate: float) -> Tensor:
    """One step: forward, backward, optimizer, average of the weights.

    Args:
        run: whose weights and moments are updated.
        levels: (B, C, H, W) integers 0..K-1.
        labels: (B,); used by a model with classes.
        freehand: (B,) bool; used by a model that knows two hands.
        rate: share of the optimizers' learning rates, 0 to 1.

    Returns:
        The loss, nats per image, as a scalar on the device.
    """
    model, config = run.model, run.config
    loss = _compute_gradients(run, levels, labels, freehand)
    if config.grad_clip:
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.grad_clip)
    for optimizer in run.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * rate
        optimizer.step()
    if run.average is not None:
        update_average(run.average, model, config, run.step)
    return loss


def _compute_gradients(run: Run, levels: Tensor, labels: Tensor, freehand: Tensor) -> Tensor:
    """Set the gradients of a batch; its loss in nats per image, a scalar.

    On a CPU the batch is divided among threads, one thread an operation: threads that share each operation
    wait for each other at its end, and beside other work they wait long.
    """
    model = run.model
    params = list(model.parameters())

    def part(levels_part: Tensor, labels_part: Tensor, freehand_part: Tensor) -> list[Tensor]:
        label = labels_part if model.num_classes else None
        hand = freehand_part if model.config.freehand else False
        with autocast(model.device, run.config.precision):
            logits = model(levels_part, label, freehand=hand)
        loss = -model.likelihood.log_prob(logits, levels_part).sum() / len(levels)
        # Per sub-pixel, so that learning rate and clipping mean the same for images of every size.
        return [loss.detach(), *torch.autograd.grad(loss / levels[0].numel(), params)]

    # Dropout draws from one generator, in an order that threads would leave to chance.
    shared = model.device.type == "cpu" and not model.config.dropout
    count = min(torch.get_num_threads(), len(levels)) if shared else 1
    if count == 1:
        loss, *gradients = part(levels, labels, freehand)
    else:
        parts = [each.tensor_split(count) for each in (levels, labels, freehand)]
        with one_thread_workers(count) as pool:
            loss, *gradients = (sum(each) for each in zip(*pool.map(part, *parts), strict=True))
    for p, gradient in zip(params, gradients, strict=True):
        p.grad = gradient
    return loss


@torch.inference_mode()
def validation_nats(run: Run, images: Images, *, freehand: bool = False) -> float:
    """Nats per image on the validation split, given the class where there are classes.

    Args:
        run: whose weights, or their average, count.
        images: the split as the dataset has it.
        freehand: of the split drawn free-hand, and as such.
    """
    model = run.evaluated.eval()
    if freehand:
        images = freehand_images(images, "validation")
    levels = evaluation_levels(images, model.config.levels, run.config.binarization, "validation")
    total = torch.zeros((), dtype=torch.float64, device=model.device)
    for index in torch.arange(len(images), device=model.device).split(CHUNK):
        batch = levels[index].long()
        label = images.labels[index] if model.num_classes else None
        with autocast(model.device, run.config.precision):
            logits = model(batch, label, freehand=freehand)
        total -= model.likelihood.log_prob(logits, batch).double().sum()
    return _finite(total, run) / len(images)


def _finish_epoch(
    run: Run, images: Images, validation: Images, report: Callable[[str], None]
) -> None:
    """Validate, and go to the next epoch."""
    dims = images.greys[0].numel()
    train_nats, nats = run.loss_sum / len(images), validation_nats(run, validation)
    entry = {
        "epoch": run.epoch,
        "step": run.step,
        "train_nats_per_image": train_nats,
        "train_bits_per_dim": bits_per_dim(train_nats, dims),
        "validation_nats_per_image": nats,
        "validation_bits_per_dim": bits_per_dim(nats, dims),
        "given_class": bool(run.model.num_classes),
    }
    if run.model.config.freehand:
        drawn = validation_nats(run, validation, freehand=True)
        entry["validation_freehand_nats_per_image"] = drawn
    report(
        f"epoch {run.epoch:3}  train {train_nats:.2f} nats/image"
        f" ({entry['train_bits_per_dim']:.4f} bits/dim)  validation {nats:.2f} nats/image"
        f" ({entry['validation_bits_per_dim']:.4f} bits/dim)"
        + (f", free-hand {drawn:.2f}" if run.model.config.freehand else "")
        + ("  given the class" if run.model.num_classes else "")
    )
    run.history.append(entry)
    run.epoch, run.loss_sum = run.epoch + 1, 0.0
