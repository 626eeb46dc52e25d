"""One bounded place where models run, whoever asks: the live page, the queue, or a program.

Gradio's server functions bypass its queue, so the bound has to be ours. What does not fit is turned
away at once with one sentence, rather than kept waiting for minutes.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Busy(Exception):
    """Too many calls are waiting."""

    def __init__(self) -> None:
        super().__init__("The page is busy: try again in a moment.")


class ModelExecutor:
    """Runs calls in order, and refuses those beyond a limit.

    One worker by default: a call uses the CPU's cores by itself, and two at once would slow each other.

    Args:
        workers: threads that run calls.
        limit: calls that may run or wait at a time.
    """

    def __init__(self, *, workers: int = 1, limit: int = 64) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="model")
        self._room = BoundedSemaphore(limit)

    def wait_for(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """`call(*args, **kwargs)` on a worker, before there is an event loop.

        PyTorch's products take threads of OpenMP's, one set for each thread that asks for them. Were the
        models run by a second thread, there would be more than cores, and each would sleep at the end of
        every operation instead of being ready for the next: a dense pass takes 1.4 times as long.
        """
        return self._pool.submit(call, *args, **kwargs).result()

    async def run(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Await `call(*args, **kwargs)` on a worker.

        Raises:
            Busy: if the limit is reached.
        """
        if not self._room.acquire(blocking=False):
            raise Busy
        future = self._pool.submit(call, *args, **kwargs)
        future.add_done_callback(lambda _: self._room.release())
        return await asyncio.wrap_future(future)
