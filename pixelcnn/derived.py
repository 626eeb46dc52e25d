"""What is derived from a network's weights, and kept until they change."""

import weakref
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from pixelcnn.networks import Above, GatedNetwork, ResidualNetwork

Network = GatedNetwork | ResidualNetwork
T = TypeVar("T")
# By network: its parameters as they were, each with its version, and what was derived from them.
_derived: weakref.WeakKeyDictionary[
    nn.Module, tuple[list[tuple[Tensor, int]], dict[tuple[str, bool], Any]]
]
_derived = weakref.WeakKeyDictionary()


def once(network: nn.Module, name: str, derive: Callable[[], T]) -> T:
    """What `derive` makes of the weights, by name, made anew only when they have changed."""
    now = [(p.detach(), 0 if p.is_inference() else p._version) for p in network.parameters()]
    before, results = _derived.get(network, ([], {}))
    # The aliases in `before` keep the memory of old weights, so that its address is not given to new ones.
    if [(p.data_ptr(), v) for p, v in before] != [(p.data_ptr(), v) for p, v in now]:
        results = {}
        _derived[network] = now, results
    key = name, network.training  # dropout acts in training
    if key not in results:
        device = next(network.parameters()).device.type
        with torch.no_grad(), torch.autocast(device, enabled=False):
            results[key] = derive()
    return cast(T, results[key])


class Blank:
    """A network on blank images, one of each class: what all images share above their first ink.

    Args:
        network: whose weights are used.
        x: (H, W, C) network input of a blank image.
        num_classes: 0 for none.
    """

    def __init__(self, network: Network, x: Tensor, num_classes: int) -> None:
        label = torch.arange(num_classes, device=x.device) if num_classes else None
        image = x.expand(max(1, num_classes), *x.shape)
        self.x = x  # (H, W, C), network input
        self.logits = network(image, label)  # (classes or 1, H, W, out)
        # Of each block, what its convolution of earlier rows reads: (classes or 1, H, W, D).
        self.features = list(network.cached(image, label))

    def which(self, label: Tensor | None, batch: int) -> Tensor:
        """Which of the blank images each of a batch begins as. Shape (B,)."""
        return self.logits.new_zeros(batch, dtype=torch.long) if label is None else label

    def above(self, rows: int, label: Tensor | None, batch: int) -> Above:
        """The first rows, for images whose first rows are blank."""
        image = self.which(label, batch)
        features = [each[image, :rows] for each in self.features]
        return Above(self.x[:rows].expand(batch, -1, -1, -1), features)
