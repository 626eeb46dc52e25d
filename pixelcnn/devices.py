"""Which device to run on, and in which precision."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch

from pixelcnn.config import Precision
from pixelcnn.foreign import whole

MOST_THREADS = 1024
THREADS_HELP = "threads of an operation on the CPU; default: one for each core"


def pick_device(name: str | torch.device | None = None) -> torch.device:
    """The device of that name; for None a GPU if there is one, else the CPU.

    Raises:
        ValueError: in one sentence, if there is no such device here.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device, dtype=torch.float64)  # nats are summed in it; MPS lacks it
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ValueError(f"device '{name}' cannot be used here: try cpu.") from error
    return device


def set_threads(count: int | None) -> None:
    """Let operations on the CPU take so many threads; for None as many as PyTorch does by itself.

    Raises:
        ValueError: in one sentence, if the number is out of range.
    """
    if count is not None:
        torch.set_num_threads(whole("--threads", count, 1, MOST_THREADS))


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


# `set_num_threads` sets how many threads the operations of the calling thread take, and those of threads that
# start later.
_setting_num_threads = threading.Lock()


@contextmanager
def one_thread_workers(count: int) -> Iterator[ThreadPoolExecutor]:
    """Workers whose operations on the CPU take one thread each; the caller's take as many as before.

    For many small operations: waiting for a second thread costs them more than it brings.

    Args:
        count: of the workers.
    """
    ready = threading.Barrier(count)

    def prepare(_: int) -> None:
        torch.get_num_threads()  # else the first operation takes the number of new threads over
        torch.set_num_threads(1)
        ready.wait()  # so that each worker gets here once

    with ThreadPoolExecutor(count) as pool:
        with _setting_num_threads:
            own = torch.get_num_threads()
            try:
                list(pool.map(prepare, range(count)))
            finally:
                ready.abort()  # where a thread could not start, the others do not wait for it
                torch.set_num_threads(own)
        yield pool
