"""Files that are whole, whatever happens while they are written, and folders of one process at a time."""

import errno
import functools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# What a disk answers that has no locks, or no way to wait for its writes: some network file systems.
UNSUPPORTED = (errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


@functools.cache
def warn_once(sentence: str) -> None:
    """Print a sentence on stderr, unless it was printed before."""
    print(sentence, file=sys.stderr)


@contextmanager
def _if_supported(folder: Path, lacks: str) -> Iterator[None]:
    """Go on with a warning where the file system lacks an operation."""
    try:
        yield
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        warn_once(f"The file system of {folder} {lacks}.")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name `path`, and what was wrong, if an operation of the system on it fails.

    Raises:
        OSError: in one sentence, if the disk is full, or cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise OSError(f"{path} could not be written: {error.strerror or error}.") from error


def write_whole(path: Path, data: bytes) -> None:
    """Write so that `path` holds either what it held before or `data`, and never a part.

    Raises:
        OSError: in one sentence, if the disk is full, or the folder cannot be written.
    """
    partial = path.with_name(f"{path.name}.partial")
    with writing(path):
        try:
            with partial.open("wb") as file:
                file.write(data)
                file.flush()
                with _if_supported(
                    path.parent, "cannot confirm writes: a power cut may lose files"
                ):
                    os.fsync(file.fileno())
            partial.replace(path)
        except OSError:
            with suppress(OSError):
                partial.unlink(missing_ok=True)  # on a full disk it is in the way
            raise


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes that ask for the same out of a folder, until this one leaves it, or ends.

    Raises:
        OSError: in one sentence, if another process is in it.
    """
    if sys.platform == "win32":  # has no such locks
        yield
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            with _if_supported(folder, "has no locks: train here in one process at a time"):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OSError(f"Another process works in {folder}: wait for it, or end it.") from error
        yield
    finally:
        os.close(descriptor)
