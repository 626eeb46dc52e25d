"""How far a run is, and how long it still takes: a bar on a terminal, elsewhere a line a minute."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from pixelcnn.refusals import extra

with extra("train"):
    from tqdm import tqdm


LINE_S = 60.0  # between lines, where no terminal is


def tell(line: str) -> None:
    """Print a line at once, above the bar if there is one."""
    tqdm.write(line)
    sys.stdout.flush()


class Progress:
    """The progress of one epoch, with the time that the run still takes at this rate.

    Args:
        epoch, epochs: the one in progress, and all of the run.
        num_images: in an epoch.
        done: images of this epoch that are done.
        report: takes a line, where no terminal is.
        shown: False for a process that says nothing.
    """

    def __init__(
        self,
        epoch: int,
        epochs: int,
        num_images: int,
        done: int,
        report: Callable[[str], None],
        *,
        shown: bool,
    ) -> None:
        self._name = f"epoch {epoch}/{epochs}"
        self._epoch, self._later = num_images, (epochs - epoch) * num_images
        self._start = self._done = done
        self._report, self._shown = report, shown
        self._nats: float | None = None
        self._began = self._said = time.monotonic()
        # `disable=None`: where no terminal is.
        options: dict[str, Any] = {"unit": "img", "disable": None if shown else True}
        self._bar = tqdm(desc=self._name, total=num_images, initial=done, **options)

    def __enter__(self) -> Self:
        """Show it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Close the bar."""
        self._bar.close()

    def update(self, count: int) -> None:
        """So many images more are done."""
        self._done += count
        self._bar.update(count)
        if self._shown and self._bar.disable and time.monotonic() - self._said >= LINE_S:
            self._said = time.monotonic()
            percent = 100 * self._done // self._epoch
            nats = "" if self._nats is None else f"  {self._nats:.2f} nats/image"
            rate = f"{self._rate():.0f} images/s"
            self._report(f"{self._name}  {percent} %{nats}  {rate}  {self._left()} left")

    def note(self, nats: float) -> None:
        """The loss of the last batch."""
        self._nats = nats
        self._bar.set_postfix(nats=f"{nats:.2f}", run_left=self._left(), refresh=False)

    def _rate(self) -> float:
        seconds = max(time.monotonic() - self._began, 1e-9)
        return (self._done - self._start) / seconds

    def _left(self) -> str:
        """How long the run still takes, in words."""
        rate = self._rate()
        if not rate:
            return "?"
        minutes = round((self._epoch - self._done + self._later) / rate / 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours} h {minutes} min" if hours else f"{minutes} min"
