"""Wild values, and small models to throw them at: what the fuzzing commands share.

Everything follows from the generator that is passed in, so a seed gives the same run again.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

import pixelcnn
from pixelcnn.density.outliers import mean_embeddings
from pixelcnn.density.reference import SHARES, Reference
from pixelcnn.store.folder import TYPICALITY, save, sha256

DEEP = 5_000  # lists within lists
NUMBERS: tuple[Any, ...] = (
    *(0, 1, -1, 2, 3, 7, 28, 64, 65, 2**31, 2**32 - 1, 2**32, 2**53, 2**63, -(2**63), 2**64),
    *(10**18, 10**400, 10**5_000, 0.0, -0.0, 0.5, 1.0, 7.0, 1e-320, 1e18, 1e308, -1e308),
    *(float("nan"), float("inf"), float("-inf")),
)
WORDS = (
    "",
    "0",
    "1",
    "7",
    "true",
    "null",
    "binary",
    "F32",
    "__proto__",
    "constructor",
    "../..",
    "%00",
)
TEXTS = (*WORDS, "\0", "\n\n", "\ud800", "🔢" * 50, "x" * 100_000, "<script>", "{}", "{0}")


def wild(chance: random.Random, depth: int = 0) -> Any:
    """A value that JSON could hold: of any kind, and of any size."""
    kind = chance.randrange(12)
    if kind < 4:
        return chance.choice(NUMBERS)
    if kind < 6:
        return chance.choice(TEXTS)
    if kind < 8:
        return chance.choice((None, True, False))
    if kind == 8 and depth == 0:
        return nested(chance.choice((2, 50, DEEP)))
    if depth > 3:
        return []
    items = [wild(chance, depth + 1) for _ in range(chance.choice((0, 1, 2, 3, 40)))]
    return items if kind < 11 else {str(k): item for k, item in enumerate(items)}


def nested(depth: int) -> list[Any]:
    """A list in a list in a list."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def toy_models(
    height: int = 7, width: int = 6, num_classes: int = 3
) -> dict[str, pixelcnn.PixelCNN]:
    """A model of each kind that the page knows, under the names that it looks for, with wild weights."""
    small: dict[str, Any] = {
        "height": height,
        "width": width,
        "inner_dim": 4,
        "dilations": (1, 1),
        "horizontal_dim": 4,
        "horizontal_dilations": (1, 1),
    }
    configs = {
        "binary": pixelcnn.ModelConfig(
            num_classes=num_classes, freehand=True, conditioner_dim=2, **small
        ),
        "gray": pixelcnn.ModelConfig(likelihood="categorical", levels=4, **small),
        "residual": pixelcnn.ModelConfig(architecture="residual", num_classes=num_classes, **small),
    }
    models = {}
    # Fresh weights ignore the class, and nearly the image.
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        for name, config in configs.items():
            # The network first, so that it is the same with a conditioner and without.
            torch.manual_seed(0)
            plain = pixelcnn.PixelCNN(replace(config, conditioner_dim=0))
            _add_noise(plain)
            models[name] = pixelcnn.PixelCNN(config).eval()
            _add_noise(models[name])
            models[name].network.load_state_dict(plain.network.state_dict())
    return models


def _add_noise(model: pixelcnn.PixelCNN) -> None:
    for weight in model.parameters():
        weight.add_(0.3 * torch.randn_like(weight))


def save_toys(folder: Path) -> None:
    """The toy models as a folder of weights, the first with a `typicality.json`."""
    models = toy_models()
    for name, model in models.items():
        save(model, folder / name)
    nats, binary = torch.linspace(0, 100, len(SHARES)).repeat(8, 1), folder / "binary"
    outliers = mean_embeddings(models["binary"])
    Reference(nats, True, 1, sha256(binary), outliers).save(binary / TYPICALITY)


def is_sentence(text: str) -> bool:
    """Whether this can be shown to a person as it is: one line that ends, and no dump of a value."""
    return text.endswith(".") and "\n" not in text and len(text) < 600 and "Traceback" not in text


@dataclass
class Tally:
    """What came of the tries: how many of each outcome, the defects, and the longest."""

    outcomes: Counter[str] = field(default_factory=Counter)
    defects: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    memory_mb: float = 0.0

    def add(self, attempt: Callable[[], str], what: Callable[[], str]) -> str:
        """Count the outcome that `attempt` returns; whatever else it raises than it says is a defect."""
        start = time.perf_counter()
        try:
            outcome = attempt()
        except Exception as error:
            self.defects.append(f"{what()}: {type(error).__name__}: {error!s:.200}")
            outcome = "DEFECT"
        self.outcomes[outcome] += 1
        self.slowest_s = max(self.slowest_s, time.perf_counter() - start)
        return outcome
