"""One step of training: the loss of a batch, its gradients, and what they do to the weights."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelcnn.data.masks import draw_masks
from pixelcnn.density.layers import part_of_batch
from pixelcnn.devices import autocast, one_thread_workers
from pixelcnn.distributed import ALONE, World
from pixelcnn.training.any_part import any_part_loss
from pixelcnn.training.optimizers import step_optimizers, update_average
from pixelcnn.training.run import Run


def train_step(
    run: Run, levels: Tensor, labels: Tensor, freehand: Tensor, rate: float, world: World = ALONE
) -> Tensor:
    """One step: forward, backward, optimizers, average of the weights.

    Args:
        run: whose weights and moments are updated.
        levels: (B, C, H, W) integers 0..K-1.
        labels: (B,); used by a model with classes.
        freehand: (B,) bool; used by a model that knows two hands.
        rate: share of the optimizers' learning rates, 0 to 1.
        world: the processes that share the batch; each is given all of it, and computes its part.

    Returns:
        The loss, nats per image of the batch, as a scalar on the device.
    """
    loss = _compute_gradients(run, levels, labels, freehand, world)
    if run.config.grad_clip:
        torch.nn.utils.clip_grad_norm_(run.model.parameters(), run.config.grad_clip)
    step_optimizers(run.optimizers, rate)
    if run.average is not None:
        update_average(run.average, run.model, run.config, run.step)
    return loss


def _compute_gradients(
    run: Run, levels: Tensor, labels: Tensor, freehand: Tensor, world: World
) -> Tensor:
    """Set the gradients of a batch; its loss in nats per image, a scalar.

    On a CPU what a process has of the batch is divided among threads, and each operation takes one thread.
    Threads that share an operation wait for each other at its end; on a busy machine they wait long.
    """
    model = run.model
    params = [p for p in model.parameters() if p.requires_grad]
    num_images, dims = len(levels), levels[0].numel()
    mine = world.share(num_images)
    batch = [each[mine] for each in (levels, labels, freehand)]
    if run.config.objective == "any-part":
        batch += [draw_masks(levels, _generator(run))[mine]]
        losses = any_part_loss
    else:
        tops = _tops(run, levels) if run.config.posterior else levels[:0]
        read = world.share(len(tops))
        batch += [each[: len(tops)][read] for each in (tops, labels, freehand)]
        losses = partial(_likelihood_loss, num_tops=len(tops))

    def part(*parts: Tensor) -> list[Tensor]:
        loss, total = losses(run, num_images, *parts)
        # Per sub-pixel, so that learning rate and clipping mean the same for images of every size.
        return [loss.detach(), *torch.autograd.grad(total / dims, params)]

    # Dropout draws from one generator, in an order that threads would leave to chance.
    shared = model.device.type == "cpu" and not model.config.dropout
    count = min(torch.get_num_threads(), len(batch[0])) if shared else 1
    if count <= 1:
        with part_of_batch(model, num_images, mine):
            loss, *gradients = part(*batch)
    else:
        parts = [each.tensor_split(count) for each in batch]
        with one_thread_workers(count) as pool:
            loss, *gradients = (sum(each) for each in zip(*pool.map(part, *parts), strict=True))
    loss, *gradients = world.add_up([loss, *gradients])
    for p, gradient in zip(params, gradients, strict=True):
        p.grad = gradient
    return loss


def _likelihood_loss(
    run: Run,
    num_images: int,
    levels: Tensor,
    labels: Tensor,
    freehand: Tensor,
    *top: Tensor,
    num_tops: int,
) -> tuple[Tensor, Tensor]:
    """The share of some images in the nats per image of a batch, and in what is to become less."""
    model = run.model
    label = labels if model.num_classes else None
    style = freehand if model.config.freehand else False
    with autocast(model.device, run.config.precision):
        logits = model(levels, label, freehand=style)
    loss = -model.likelihood.log_prob(logits, levels).sum() / num_images
    if not len(top[0]):
        return loss, loss
    return loss, loss + run.config.posterior * _reading_loss(run, *top) / num_tops


def _reading_loss(run: Run, tops: Tensor, labels: Tensor, freehand: Tensor) -> Tensor:
    """The sum of -log p(class | top) over tops (B, C, rows, W), by Bayes' rule: in nats, a scalar."""
    model = run.model
    hand = freehand if model.config.freehand else False
    with autocast(model.device, run.config.precision):
        log_prob = model.class_log_prob(tops, freehand=hand).flatten(2).sum(-1)  # (B, classes)
    return F.cross_entropy(log_prob, labels, reduction="sum")


def _tops(run: Run, levels: Tensor) -> Tensor:
    """The tops whose class a step learns to read: those of an eighth of the batch, all of as many rows.

    Free-hand digits come first in a batch. How many rows follows from the seed and the number of the step.
    """
    height = levels.shape[2]
    generator = _generator(run)
    rows = int(torch.randint(height // 4, height * 3 // 4 + 1, (), generator=generator))
    return levels[: max(1, len(levels) // 8), :, :rows]


def _generator(run: Run) -> torch.Generator:
    """The random numbers of a step."""
    return torch.Generator().manual_seed(run.config.seed * 1_000_003 + run.step)
