"""The training loop: maximum likelihood, resumable at any step, bit for bit on a CPU.

The loop writes no files. It calls whoever keeps them, after an epoch and at a checkpoint: see
`run_folder.py`.

What a step does follows from the config, the step's number and the state that a checkpoint holds. The order
of the images and their random draws are seeded by (seed, epoch); the learning rate is a function of the step.

Several processes take the same steps, each with its part of every batch: all hold the same state, and the
first alone calls who keeps it.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pixelcnn.data.datasets import Images, training_batches
from pixelcnn.density.metrics import bits_per_dim
from pixelcnn.distributed import ALONE, World
from pixelcnn.training.any_part import AnyPartValidation, Digits
from pixelcnn.training.optimizers import learning_rate_factor
from pixelcnn.training.progress import Progress, tell
from pixelcnn.training.run import Run
from pixelcnn.training.step import train_step
from pixelcnn.training.validation import ValidationImages

Batch = tuple[Tensor, Tensor, Tensor]  # levels, labels, which are free-hand

CHECK_STEPS = 20  # the loss is looked at every so many steps
NOTE_STEPS = 50  # its mean is noted every so many steps, or more often in a short epoch
NOTES = 20  # in an epoch, at least


def _do_nothing(run: Run) -> None:
    """For a run without files."""


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """What the loop calls on its way; of several processes the first alone calls all but `should_stop`."""

    after_epoch: Callable[[Run], None] = _do_nothing  # it is validated and in the history
    # Every so many steps, against a crash, and when the run stops within an epoch.
    checkpoint: Callable[[Run], None] = _do_nothing
    checkpoint_steps: int = 500
    # Asked after each step, in every process; if any says so, all stop.
    should_stop: Callable[[int], bool] = lambda step: False
    report: Callable[[str], None] = tell  # takes a line for people


NO_HOOKS = Hooks()


def train(
    run: Run,
    images: Images,
    validation: Images,
    hooks: Hooks = NO_HOOKS,
    world: World = ALONE,
    digits: Digits | None = None,
) -> bool:
    """Train until the last epoch, or until told to stop.

    Args:
        run: new or restored.
        images, validation: the two splits, on the device of the model.
        hooks: what to call after an epoch, at a checkpoint, after a step.
        world: the processes that share each batch, and the validation images.
        digits: of the model, for half of each batch, as `TrainConfig.model_digits` says.

    Returns:
        Whether the run is complete.

    Raises:
        DivergedError: in one sentence, if the loss is no longer finite, or explodes; nothing of that is kept.
        LostError: in one sentence, if another process has ended.
    """
    if run.config.freehand:
        images = images.traced()
    parts = run.config.objective == "any-part"
    held_out = (AnyPartValidation if parts else ValidationImages).of(run, validation)
    while run.epoch <= run.config.epochs:
        if not _train_epoch(run, images, hooks, world, digits):
            return False
        entry = _entry(run, len(images), held_out, world)
        run.history.append(entry)
        run.epoch, run.loss_sum, run.noted = run.epoch + 1, 0.0, (0.0, 0)
        if world.first:
            hooks.report(_line(entry))
            hooks.after_epoch(run)
    return True


def _train_epoch(
    run: Run, images: Images, hooks: Hooks, world: World, digits: Digits | None
) -> bool:
    """Take the steps of the epoch that are left; False if told to stop before the last one."""
    steps = math.ceil(len(images) / run.config.batch_size)
    done = run.step - (run.epoch - 1) * steps
    run.model.train()
    total = torch.tensor(run.loss_sum, dtype=torch.float64, device=run.model.device)
    seen = done * run.config.batch_size  # images of this epoch
    note_steps = max(1, min(NOTE_STEPS, steps // NOTES))
    with _progress(run, len(images), done, hooks, world) as bar:
        for batch in _batches(run, images, done):
            count = len(batch[0])
            rate = learning_rate_factor(run.config, run.step, steps)
            loss = train_step(run, *_with_digits(run, batch, digits), rate, world)
            total += loss.detach() * count
            run.step += 1
            seen += count
            bar.update(count)
            if run.step % CHECK_STEPS == 0:
                bar.note(run.check_loss(loss))
            if run.step % note_steps == 0:
                run.note_loss(total, seen)
            stop = world.any(hooks.should_stop(run.step))
            if stop or run.step % hooks.checkpoint_steps == 0:
                run.loss_sum = run.check_loss(total, seen)
                if world.first:
                    hooks.checkpoint(run)
            if stop:
                return False
    run.loss_sum = run.check_loss(total, seen)
    return True


def _progress(run: Run, num_images: int, done: int, hooks: Hooks, world: World) -> Progress:
    """The progress of an epoch of which some steps are done."""
    images, c = done * run.config.batch_size, run.config
    return Progress(run.epoch, c.epochs, num_images, images, hooks.report, shown=world.first)


def _batches(run: Run, images: Images, done: int) -> Iterator[Batch]:
    """The batches of the epoch after those that are done."""
    c = run.config
    return training_batches(
        images,
        levels=run.model.config.levels,
        binarization=c.binarization,
        batch_size=c.batch_size,
        shift=c.shift,
        freehand=c.freehand,
        seed=c.seed,
        epoch=run.epoch,
        start=done,
    )


def _with_digits(run: Run, batch: Batch, digits: Digits | None) -> Batch:
    """A batch, and as many digits of the model, which the seed and the number of the step decide."""
    if digits is None:
        return batch
    generator = torch.Generator().manual_seed(run.config.seed * 1_000_003 + run.step)
    more = digits.batch(len(batch[0]), generator)
    levels, labels, freehand = (torch.cat(each) for each in zip(batch, more, strict=True))
    return levels, labels, freehand


def _entry(
    run: Run, num_images: int, held_out: ValidationImages | AnyPartValidation, world: World
) -> dict[str, Any]:
    """Validate; what the log holds of the epoch."""
    dims = held_out.levels[0].numel()
    train_nats, measured = run.loss_sum / num_images, held_out.measure(run, world)
    return {
        "epoch": run.epoch,
        "step": run.step,
        "train_nats_per_image": train_nats,
        "train_bits_per_dim": bits_per_dim(train_nats, dims),
        "validation_bits_per_dim": bits_per_dim(measured["validation_nats_per_image"], dims),
        "given_class": bool(run.model.num_classes),
    } | measured


def _line(entry: dict[str, Any]) -> str:
    """The epoch for people."""
    drawn = entry.get("validation_freehand_nats_per_image")
    accuracy = entry.get("validation_head_accuracy")
    return (
        f"epoch {entry['epoch']:3}  train {entry['train_nats_per_image']:.2f} nats/image"
        f" ({entry['train_bits_per_dim']:.4f} bits/dim)"
        f"  validation {entry['validation_nats_per_image']:.2f} nats/image"
        f" ({entry['validation_bits_per_dim']:.4f} bits/dim)"
        + (f", free-hand {drawn:.2f}" if drawn is not None else "")
        + (f", class {accuracy:.1%} right" if accuracy is not None else "")
        + ("  given the class" if entry["given_class"] else "")
    )
