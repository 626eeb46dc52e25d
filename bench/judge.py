"""The judge of `bench.quality` and `bench.hands`: a small CNN that tells which digit an image shows.

Images are thresholded. Its layout is LeNet-5's (LeCun et al. 1998, "Gradient-based learning applied to
document recognition", section II.B): two 5x5 convolutions, each followed by pooling, then 120, 84 and 10
features. It deviates by ReLU, max pooling, more channels, dropout and a softmax; for free-hand digits there
is a third convolution. The 84 features before the last layer are those that the Frechet distance compares.

It is trained once, on the training split alone, and cached under a name that its recipe decides.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from torch import Tensor, nn
from tqdm import tqdm

from pixelcnn.data.datasets import Images, training_batches
from pixelcnn.data.masks import draw_masks
from pixelcnn.data.pixels import quantize, to_input
from pixelcnn.files import write_whole

CLASSES = 10


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that decides the judge's weights, on images of 28x28 pixels."""

    channels: tuple[int, ...] = (32, 64)  # of the convolutions
    kernel: int = 5
    padding: int = 0
    hidden: int = 120
    features: int = 84
    dropout: float = 0.2  # before the last two layers
    epochs: int = 8
    batch_size: int = 64
    lr: float = 1e-3  # of Adam
    freehand: float = 0.0  # share of each batch that is drawn free-hand, anew in each epoch
    masked: bool = False  # is shown parts of digits, with the mask of what is given
    gamma: float = 0.7  # factor of the learning rate after each epoch
    seed: int = 0  # of weights, order and dropout
    least_accuracy: float = 0.99  # on the test images; a worse judge is refused


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the judge says of N images."""

    digit: Tensor  # (N,) int64, the most probable class
    confidence: Tensor  # (N,) its probability
    features: Tensor  # (N, F) float64


class Judge(nn.Module):
    """Levels 0 and 1 to logits of the ten digits."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        side, before = 28, 2 if recipe.masked else 1
        for channels in recipe.channels:
            convolution = nn.Conv2d(before, channels, recipe.kernel, padding=recipe.padding)
            layers += [convolution, nn.ReLU(), nn.MaxPool2d(2)]
            side, before = (side + 2 * recipe.padding - recipe.kernel + 1) // 2, channels
        self.body = nn.Sequential(
            *layers,
            nn.Flatten(),
            nn.Linear(before * side * side, recipe.hidden),
            nn.ReLU(),
            nn.Dropout(recipe.dropout),
            nn.Linear(recipe.hidden, recipe.features),
            nn.ReLU(),
        )
        self.head = nn.Sequential(nn.Dropout(recipe.dropout), nn.Linear(recipe.features, CLASSES))

    def forward(self, ink: Tensor, given: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Classify images.

        Args:
            ink: (B, 1, 28, 28) integers 0 and 1.
            given: (B, 1, 28, 28) bool, for a classifier of parts.

        Returns:
            logits (B, 10) and features (B, F).
        """
        x = to_input(ink, 2, torch.float32)
        if given is not None:
            x = torch.cat([x * given, given.to(x.dtype)], 1)
        features = self.body(x)
        return self.head(features), features

    @torch.inference_mode()
    def read(self, ink: Tensor, batch_size: int = 500) -> Reading:
        """Judge images.

        Args:
            ink: (N, 1, 28, 28) integers, 1 is ink.
            batch_size: images in one pass.
        """
        parts = [self(batch) for batch in ink.split(batch_size)]
        logits, features = (torch.cat(part) for part in zip(*parts, strict=True))
        confidence, digit = logits.softmax(1).max(1)
        return Reading(digit=digit, confidence=confidence, features=features.double())


def ink_of(images: Images) -> Tensor:
    """Thresholded images, (N, 1, 28, 28) uint8: grey 128 and up is ink."""
    return quantize(images.greys, 2).to(torch.uint8)


def accuracy(judge: Judge, images: Images) -> float:
    """Share of images whose most probable digit is the right one."""
    return float((judge.read(ink_of(images)).digit == images.labels).double().mean())


def get_judge(folder: Path, train: Images, test: Images, recipe: Recipe) -> tuple[Judge, float]:
    """The judge of this recipe: from its cache, or else trained, and then cached.

    Args:
        folder: of the cache.
        train, test: MNIST's splits, on the CPU.
        recipe: what it is built and trained from.

    Returns:
        the judge, in eval mode, and its accuracy on the test images, 0 to 1.

    Raises:
        ValueError: in one sentence, if the judge is not accurate enough, or its cache is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)  # before the work: a fault here must not waste it
    path = cache_path(folder, recipe)
    cached = path.exists()
    judge = _load(path, recipe) if cached else _train(train, recipe)
    if recipe.masked:
        return _keep(judge, path, cached=cached), float("nan")
    accurate = accuracy(judge, test)
    if accurate < recipe.least_accuracy:
        raise ValueError(
            f"The judge is right on {accurate:.2%} of the test images, and must be on"
            f" {recipe.least_accuracy:.0%} at least to judge."
        )
    return _keep(judge, path, cached=cached), accurate


def _keep(judge: Judge, path: Path, *, cached: bool) -> Judge:
    if not cached:
        write_whole(path, safetensors.torch.save(judge.state_dict()))
    return judge


def cache_path(folder: Path, recipe: Recipe) -> Path:
    """Where the weights of this recipe are: another recipe has another name."""
    text = json.dumps(dataclasses.asdict(recipe), sort_keys=True)
    return folder / f"judge-{hashlib.sha256(text.encode()).hexdigest()[:12]}.safetensors"


def _load(path: Path, recipe: Recipe) -> Judge:
    judge = Judge(recipe)
    try:
        judge.load_state_dict(safetensors.torch.load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(f"{path} is damaged: delete it to train the judge anew.") from error
    return judge.eval()


def _train(images: Images, recipe: Recipe) -> Judge:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(recipe.seed)
        judge = Judge(recipe)
        optimizer = torch.optim.Adam(judge.parameters(), lr=recipe.lr)
        generator = torch.Generator().manual_seed(recipe.seed)  # of masks
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, recipe.gamma)
        if recipe.freehand:
            images = images.traced()
        for epoch in tqdm(range(recipe.epochs), "judge", unit="epoch", disable=None):
            for ink, labels, _ in training_batches(
                images,
                levels=2,
                binarization="threshold",
                batch_size=recipe.batch_size,
                shift=0,
                freehand=recipe.freehand,
                seed=recipe.seed,
                epoch=epoch,
            ):
                optimizer.zero_grad()
                given = draw_masks(ink, generator) if recipe.masked else None
                F.cross_entropy(judge(ink, given)[0], labels).backward()
                optimizer.step()
            schedule.step()
    return judge.eval()
