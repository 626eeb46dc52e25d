"""What a command says when it cannot use what it was given, or lacks what it needs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class ExtraMissing(ModuleNotFoundError):
    """A part of the package needs what one of its extras installs."""


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Import what an extra of the package installs.

    Raises:
        ExtraMissing: in one sentence, if it is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ExtraMissing(
            f"{error.name} is not installed: add the extra {name}, by pip install '.[{name}]' in a clone.",
            name=error.name,
        ) from error


@contextmanager
def one_sentence() -> Iterator[None]:
    """End the command with the error's sentence and status 1, in place of a traceback.

    Example:
        >>> with one_sentence():
        ...     raise ValueError("seed must be 0 or more, got -1.")
        Traceback (most recent call last):
        SystemExit: seed must be 0 or more, got -1.
    """
    try:
        yield
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(str(error))
