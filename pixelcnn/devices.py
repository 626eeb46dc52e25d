"""Which device to run on, and in which precision."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from pixelcnn.config import Precision


def pick_device(name: str | None = None) -> torch.device:
    """The device of that name; for None a GPU if there is one, else the CPU.

    Raises:
        ValueError: in one sentence, if there is no such device here.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device {name!r} cannot be used here: try cpu.") from error
    return device


def resolve_precision(precision: Precision, device: torch.device) -> Precision:
    """Replace `auto` by bf16 where the device multiplies it in hardware, else by fp32."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    on_cpu = device.type == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16", False)
    return "bf16" if on_cpu else "fp32"


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """A context in which products run in that precision, over fp32 weights."""
    enabled = resolve_precision(precision, device) == "bf16"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)


class _Threads:
    """How many calls want one thread per operation now, and what was set before the first."""

    lock = threading.Lock()
    users = 0
    before = 1


@contextmanager
def one_thread_per_operation() -> Iterator[None]:
    """Let every operation of PyTorch on the CPU use one thread, also in threads that start inside.

    For many small operations: waiting for a second thread costs them more than it brings. The setting is
    that of the process; the last of several calls at once restores it.
    """
    with _Threads.lock:
        if not _Threads.users:
            _Threads.before = torch.get_num_threads()
            torch.set_num_threads(1)
        _Threads.users += 1
    try:
        yield
    finally:
        with _Threads.lock:
            _Threads.users -= 1
            if not _Threads.users:
                torch.set_num_threads(_Threads.before)
