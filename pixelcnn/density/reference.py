"""What is usual: quantiles over drawings of digits, measured in `typicality.py`, and what is no digit."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from pixelcnn.files import write_whole
from pixelcnn.foreign import read_json

# The shares of drawings at which their nats are kept. Close to 1, as a page warns below a typicality of 1 %.
SHARES = (0.0, 0.01, 0.05, *(k / 10 for k in range(1, 10)), 0.95, 0.98, 0.99, 0.995, 0.998, 1.0)

# Of one condition, by the name of the embedding in the model's state: (features,) each.
Embeddings = dict[str, Tensor]

# What wild values of a file raise, where they are read.
_WRONG = (AttributeError, ValueError, TypeError, LookupError, OverflowError, RuntimeError)


@dataclass(frozen=True, eq=False)
class Reference:
    """The nats of drawings of digits: quantiles for every number of rows given.

    Args:
        nats: (H + 1, Q) float32, for 0 to H rows: `typicality.surprise_by_rows` at the shares `SHARES` of
            drawings.
        freehand: which of the two hands drew them.
        images: how many drawings there were.
        weights_sha256: of the weights that measured them.
        outliers: the condition of what is no digit, see `outliers.py`; empty where none was fitted.
    """

    nats: Tensor
    freehand: bool
    images: int
    weights_sha256: str = ""
    outliers: Embeddings = field(default_factory=dict)

    def typicality(self, nats: Tensor, rows: int) -> Tensor:
        """The share of drawings whose first rows are at least as improbable.

        Args:
            nats: (B,), `typicality.surprise_by_rows` of the first rows of images.
            rows: how many they are.

        Returns:
            (B,) from 0, more improbable than all drawings, to 1.
        """
        known = self.nats[rows].to(nats)
        shares = torch.tensor(SHARES).to(nats)
        right = torch.searchsorted(known, nats, right=True).clamp(1, len(known) - 1)
        low, high = known[right - 1], known[right]
        part = ((nats - low) / (high - low).clamp(min=1e-6)).clamp(0, 1)
        return 1 - torch.lerp(shares[right - 1], shares[right], part)

    def save(self, path: Path) -> None:
        """Write a JSON file."""
        rows = [[round(value, 4) for value in row] for row in self.nats.tolist()]
        values = {
            "freehand": self.freehand,
            "images": self.images,
            "shares": SHARES,
            "nats": rows,
            "weights_sha256": self.weights_sha256,
            "outliers": {
                name: [
                    float(f"{value:.9g}") for value in row.tolist()
                ]  # 9 digits are float32's own
                for name, row in self.outliers.items()
            },
        }
        write_whole(path, (json.dumps(values) + "\n").encode())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a JSON file.

        Raises:
            ValueError: in one sentence, if the file is none that `save` wrote.
        """
        damaged = ValueError(f"{path} is damaged: delete it, or measure it again.")
        try:
            values = read_json(path)
            nats = torch.tensor(values["nats"], dtype=torch.float32, device="cpu")
            outliers = {  # which the first versions did not have
                str(name): torch.tensor(row, dtype=torch.float32, device="cpu")
                for name, row in dict(values.get("outliers", {})).items()
            }
            freehand, images = bool(values["freehand"]), int(values["images"])
            reference = cls(nats, freehand, images, str(values["weights_sha256"]), outliers)
            good = tuple(values["shares"]) == SHARES and nats.shape[1:] == (len(SHARES),)
        except _WRONG as error:
            raise damaged from error
        finite = all(bool(each.isfinite().all()) for each in (nats, *outliers.values()))
        if not (good and finite and (nats.diff(dim=1) >= 0).all()):
            raise damaged
        return reference
