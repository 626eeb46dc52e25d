"""What is derived from a network's weights, and kept until they change."""

import weakref
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

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
