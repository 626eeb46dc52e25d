"""What a command says when it cannot use what it was given."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


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
