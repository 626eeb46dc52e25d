"""What the last drawings brought: while a pen moves, most rows, and most completions, stay as they were.

It saves time and decides nothing: what is found here is what would be computed again.
"""

from collections import deque
from dataclasses import dataclass, field

from torch import Tensor

from pixelcnn.density.model import PixelCNN
from pixelcnn.density.prefix import KnownRows

# Kept, whoever made them; of 14 rows of 64 features, ten classes and eight blocks 8 MB each.
DRAWINGS = 8


@dataclass(frozen=True)
class Drawing:
    """The rows that were given, as the model knows them, and what was drawn below, by seed."""

    known: KnownRows
    draws: dict[int, Tensor] = field(default_factory=dict)  # (count, C, H, W) each

    def guess(self, seed: int, count: int) -> Tensor | None:
        """What `count` completions by this seed may be."""
        levels = self.draws.get(seed)
        return levels if levels is not None and len(levels) == count else None


class RecentDrawings:
    """The last few drawings of one model."""

    def __init__(self) -> None:
        self._drawings: deque[Drawing] = deque(maxlen=DRAWINGS)

    def read(self, model: PixelCNN, levels: Tensor) -> tuple[KnownRows, Drawing | None]:
        """Let the model read the first rows of an image, (1, C, rows, W); find the drawing most like it."""
        drawings = tuple(self._drawings)
        known = model.read(levels, *(each.known for each in drawings))
        nearest = max(drawings, key=lambda each: each.known.shared(known.x), default=None)
        return known, nearest

    def add(self, drawing: Drawing) -> None:
        """Keep a drawing, and forget the oldest."""
        self._drawings.append(drawing)
