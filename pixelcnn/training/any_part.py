"""Training of a conditioner: the loss, digits drawn from the model, and the validation images.

The network is frozen, so the density of whole digits stays what it is. Of each image a mask says what is
given; the loss is -log q of the missing pixels that the conditioner's terms reach, given class and style,
and the cross-entropy of the head. Where the images are drawn from the model itself, q can at best be the
model's own conditional, and nothing is fitted that the model does not say.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelcnn.data.datasets import Images, evaluation_levels, freehand_images
from pixelcnn.data.masks import KINDS
from pixelcnn.density.given import rows_reached
from pixelcnn.density.model import CHUNK, PixelCNN
from pixelcnn.devices import autocast
from pixelcnn.distributed import ALONE, World
from pixelcnn.refusals import extra
from pixelcnn.sampling.sampler import Sampler
from pixelcnn.training.run import Run

with extra("train"):
    from tqdm import tqdm

HEAD_WEIGHT = 2.0  # of the head's cross-entropy beside the nats of the missing pixels
DRAWN_TOGETHER = 256  # digits of the model: another number gives other digits
VALIDATION_IMAGES = 1_000  # in each style
VALIDATION_SEED = 1  # of their masks


@dataclass(frozen=True)
class Digits:
    """Digits that were drawn from a model."""

    levels: Tensor  # (N, C, H, W) uint8
    labels: Tensor  # (N,)
    freehand: Tensor  # (N,) bool

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Some of the digits: levels (B, C, H, W) int64, labels (B,), and which are free-hand (B,)."""
        index = torch.randint(len(self), (size,), generator=generator).to(self.labels.device)
        return self.levels[index].long(), self.labels[index], self.freehand[index]


def draw_digits(model: PixelCNN, count: int, freehand: float, seed: int) -> Digits:
    """Draw digits from a model, in an order that mixes the styles.

    Args:
        model: in eval mode.
        count: N.
        freehand: share of free-hand digits.
        seed: of the first part; each part has one of its own.
    """
    sampler = Sampler(model)
    drawn: list[list[Tensor]] = []
    bar = tqdm(total=count, desc="digits of the model", unit="img", disable=None)
    for part, start in enumerate(range(0, count, DRAWN_TOGETHER)):
        size = min(DRAWN_TOGETHER, count - start)
        # Of every ten parts as many are free-hand as the share says.
        style = model.config.freehand and (part * 7) % 10 < round(10 * freehand)
        samples = sampler.generate(size, seed=seed + part, freehand=style)
        label = torch.zeros(size, dtype=torch.long) if samples.label is None else samples.label
        drawn.append([samples.levels.to(torch.uint8), label, torch.full((size,), style)])
        bar.update(size)
    bar.close()
    levels, labels, styles = (torch.cat(each) for each in zip(*drawn, strict=True))
    return Digits(levels, labels, styles.to(levels.device))


def any_part_loss(
    run: Run, num_images: int, levels: Tensor, labels: Tensor, freehand: Tensor, given: Tensor
) -> tuple[Tensor, Tensor]:
    """The share of some images in the loss of a batch.

    Args:
        run: whose model has a conditioner.
        num_images: of the batch.
        levels, labels, freehand: of some of its images.
        given: (B, 1, H, W) bool.

    Returns:
        nats per image of the missing pixels, and with the head's cross-entropy what is to become less.
    """
    nats, class_logits = _read(run, run.model, levels, labels, freehand, given)
    loss = total = nats.sum() / num_images
    if class_logits is not None:
        head = F.cross_entropy(class_logits, labels, reduction="sum")
        total = loss + HEAD_WEIGHT * head / num_images
    return loss, total


def _read(
    run: Run, model: PixelCNN, levels: Tensor, labels: Tensor, freehand: Tensor, given: Tensor
) -> tuple[Tensor, Tensor | None]:
    """-log q of the missing pixels that terms reach, (B,) nats, and the head's logits (B, classes)."""
    assert model.conditioner is not None
    label = labels if model.num_classes else None
    style = freehand if model.config.freehand else False
    # In fp32: the conditioner is small, and a depthwise convolution is five times as slow in bf16.
    features, class_logits = model.read_given(levels, given, style)
    with autocast(model.device, run.config.precision):
        terms = model.conditioner.terms(features)
        logits = model.conditional_logits(levels, model.condition(label, style, len(levels)), terms)
    rows = torch.arange(levels.shape[2], device=given.device)[:, None]  # (H, 1)
    reached = rows < rows_reached(given)[:, None, None, None]  # (B, 1, H, 1)
    log_prob = model.likelihood.log_prob(logits, levels) * (~given & reached)
    return -log_prob.sum((1, 2, 3)), class_logits


@dataclass(frozen=True)
class AnyPartValidation:
    """Validation images of which a part is given: as many in each style, each kind of mask in turn."""

    levels: Tensor  # (N, C, H, W) uint8
    labels: Tensor  # (N,)
    freehand: Tensor  # (N,) bool
    given: Tensor  # (N, 1, H, W) bool
    kind: Tensor  # (N,) index into `masks.KINDS`

    @classmethod
    def of(cls, run: Run, images: Images) -> "AnyPartValidation":
        """Draw the masks of a validation split."""
        some = images.every(min(VALIDATION_IMAGES, len(images)))
        sets = [some, freehand_images(some, "validation")] if run.model.config.freehand else [some]
        levels = torch.cat(
            [
                evaluation_levels(
                    each, run.model.config.levels, run.config.binarization, "validation"
                )
                for each in sets
            ]
        )
        generator = torch.Generator().manual_seed(VALIDATION_SEED)
        kind = torch.arange(len(levels)) % (len(KINDS) - 1)  # without the last: nothing is given
        ink = (levels > 0).any(1).cpu()
        given = torch.zeros_like(ink)
        for number, (_, draw) in enumerate(KINDS[:-1]):
            given[kind == number] = draw(ink[kind == number], generator)
        device = levels.device
        freehand = torch.arange(len(levels), device=device) >= len(some)
        labels = some.labels.repeat(len(sets))
        return cls(levels, labels, freehand, given[:, None].to(device), kind.to(device))

    @torch.inference_mode()
    def measure(self, run: Run, world: World = ALONE) -> dict[str, float]:
        """Nats per image of the missing pixels that terms reach, and the head's nats and accuracy.

        Raises:
            DivergedError: in one sentence, if they are not finite, or have exploded.
            LostError: in one sentence, if another process has ended.
        """
        model = run.evaluated.eval()
        kinds = [draw.__name__ for _, draw in KINDS[:-1]]
        sums = torch.zeros(len(kinds), 4, dtype=torch.float64)  # images, nats, head's nats, right
        mine = world.share(len(self.levels))
        tensors = (self.levels, self.labels, self.freehand, self.given, self.kind)
        for batch in zip(*(each[mine].split(CHUNK) for each in tensors), strict=True):
            levels, labels, freehand, given, kind = batch
            nats, logits = _read(run, model, levels.long(), labels, freehand, given)
            columns = [torch.ones_like(nats), nats]
            if logits is not None:
                columns += [F.cross_entropy(logits, labels, reduction="none")]
                columns += [logits.argmax(1) == labels]
            each = torch.stack([column.double().cpu() for column in columns], 1)
            sums[:, : each.shape[1]].index_add_(0, kind.cpu(), each)
        (sums,) = world.add_up([sums])
        run.check_loss(sums[:, 1].sum(), int(sums[:, 0].sum()))
        _, nats, head, right = (sums.sum(0) / sums[:, 0].sum()).tolist()
        entry = {"validation_nats_per_image": nats}
        if model.num_classes:
            entry |= {"validation_head_nats": head, "validation_head_accuracy": right}
        for kind, (images, nats, _, right) in zip(kinds, sums.tolist(), strict=True):
            entry[f"validation_nats_{kind}"] = nats / images
            if model.num_classes:
                entry[f"validation_head_accuracy_{kind}"] = right / images
        return entry
