"""Functions of many small operations, run without Python between them."""

import sys
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import torch

P = ParamSpec("P")
R = TypeVar("R")


def scripted(function: Callable[P, R]) -> Callable[P, R]:
    """Let PyTorch's own interpreter run a function (TorchScript).

    Two threads with operations of some 10 us wait for Python's lock more than they compute: here they need
    it once a row. PyTorch recommends `torch.compile` instead, which needs a compiler on the machine and half
    a minute at the start; what is wanted is only to call what there is, in order. With Python 3.14, which
    TorchScript does not support, and with PYTORCH_JIT=0 the functions run as Python: the same, slower.
    """
    if sys.version_info >= (3, 14):
        return function
    with warnings.catch_warnings():
        for category in (DeprecationWarning, FutureWarning):  # 2.11 gives the one, 2.15 the other
            warnings.simplefilter("ignore", category)
        return cast(Callable[P, R], torch.jit.script(function))
