"""Processes that share one piece of work: those that `torchrun` starts, or one alone.

Each holds the whole model. Images are divided: each process takes its share of them, and what is a sum over
images is added up. CPU tensors travel by gloo, those on a GPU by NCCL.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from os import environ

import torch
import torch.distributed as dist
from torch import Tensor

from pixelcnn.devices import pick_device

PATIENCE = timedelta(
    minutes=30
)  # for a process that is silent; one that has ended is noticed at once


class LostError(RuntimeError):
    """Another process has ended, or cannot be reached."""


@dataclass(frozen=True)
class World:
    """One of the processes, and how it speaks with the others: they make the same calls in the same order.

    Example:
        >>> World(rank=1, size=3).share(8)
        slice(2, 5, None)
    """

    rank: int = 0  # of this process
    size: int = 1  # processes on all machines
    local_rank: int = 0  # on this machine

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files, and speaks with people."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """What this process takes of `count` things: the shares follow each other in the order of ranks."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def pick_device(self, name: str | None) -> torch.device:
        """The device of that name, as `devices.pick_device`; of GPUs, one for each process.

        Raises:
            ValueError: in one sentence, if there is no such device here.
        """
        device = pick_device(name)
        if self.size == 1 or device.type != "cuda":
            return device
        device = pick_device(f"cuda:{self.local_rank}")
        torch.cuda.set_device(device)
        return device

    def add_up(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The sum over the processes of each of some tensors of one dtype, the same in all processes.

        Raises:
            LostError: in one sentence, if another process has ended.
        """
        if self.size == 1:
            return list(tensors)
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        with _noticing_loss():
            dist.all_reduce(flat)
        parts = flat.split([tensor.numel() for tensor in tensors])
        return [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)]

    def gather(self, part: Tensor) -> Tensor:
        """What each process has, (n, ...) with an n of its own, one after the other in the order of ranks.

        Raises:
            LostError: in one sentence, if another process has ended.
        """
        if self.size == 1:
            return part
        counts = torch.zeros(self.size, dtype=torch.long)
        counts[self.rank] = len(part)
        (counts,) = self.add_up([counts])
        start = int(counts[: self.rank].sum())
        whole = part.new_zeros(int(counts.sum()), *part.shape[1:])
        whole[start : start + len(part)] = part
        return self.add_up([whole])[0]

    def any(self, mine: bool) -> bool:
        """Whether it is so in any process.

        Raises:
            LostError: in one sentence, if another process has ended.
        """
        return bool(self.add_up([torch.tensor(int(mine))])[0])

    def from_first(self, data: bytes) -> bytes:
        """What the first process gives; what the others give is not read.

        Raises:
            LostError: in one sentence, if another process has ended.
        """
        if self.size == 1:
            return data
        (size,) = self.add_up([torch.tensor(len(data) if self.first else 0)])
        sent = torch.frombuffer(bytearray(data), dtype=torch.uint8) if self.first else None
        buffer = torch.zeros(int(size), dtype=torch.uint8) if sent is None else sent
        with _noticing_loss():
            dist.broadcast(buffer, 0)
        return buffer.numpy().tobytes()

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """What one process of each machine does first, and the others then, as they find its files.

        Raises:
            LostError: in one sentence, if another process has ended.
        """
        if self.local_rank:
            self.any(False)
        yield
        if not self.local_rank:
            self.any(False)


ALONE = World()


@contextmanager
def _noticing_loss() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # of gloo and of NCCL
        raise LostError("Another process of this run has ended, so this one ends too.") from error


@contextmanager
def join() -> Iterator[World]:
    """The world that `torchrun` has started this process in; without it, this process alone.

    Raises:
        LostError: in one sentence, if the others do not come.
    """
    if not dist.is_available() or not dist.is_torchelastic_launched():
        yield ALONE
        return
    rank, size, local = (int(environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    if size == 1:
        yield ALONE
        return
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    with _noticing_loss():
        dist.init_process_group(backend, timeout=PATIENCE)
    yield World(rank, size, local)
    dist.destroy_process_group()  # not after an error: the process ends, and the others notice
