"""Disks that lack what POSIX promises, and what a refused start leaves behind."""

import errno
import fcntl
import os
import signal

import pytest

from pixelcnn import files
from pixelcnn.data.datasets import load_images
from pixelcnn.files import alone_in, write_whole
from pixelcnn.training import command
from tests.test_train_command import train_on_noise

UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)


@pytest.fixture(autouse=True)
def nothing_said_yet():
    files.warn_once.cache_clear()


def failing(number):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", UNSUPPORTED)
def test_a_disk_without_locks_or_sync_is_written_all_the_same_with_one_warning(
    monkeypatch, tmp_path, capsys, number
):
    monkeypatch.setattr(fcntl, "flock", failing(number))
    monkeypatch.setattr(os, "fsync", failing(number))
    for _ in range(3):
        with alone_in(tmp_path):
            write_whole(tmp_path / "file", b"data")
    assert (tmp_path / "file").read_bytes() == b"data"
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2  # of locks, and of sync
    assert all(str(tmp_path) in line for line in said)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_is_not_taken_for_one_without_sync(monkeypatch, tmp_path, number):
    monkeypatch.setattr(os, "fsync", failing(number))
    with pytest.raises(OSError, match=os.strerror(number)):
        write_whole(tmp_path / "file", b"data")


def test_a_download_that_fails_leaves_no_folder(monkeypatch, tmp_path):
    from torchvision import datasets

    monkeypatch.setattr(datasets, "MNIST", failing(errno.EHOSTUNREACH))
    for folder in (tmp_path, tmp_path / "new" / "data"):
        with pytest.raises((RuntimeError, ValueError, OSError), match="could not be downloaded"):
            load_images("MNIST", folder, "train")
        assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_refused_leaves_no_folder(tmp_path):
    (tmp_path / "data").write_text("a file")
    for flags in (["--in_channels", "3"], ["--data-dir", str(tmp_path / "data")]):
        with pytest.raises(SystemExit):
            command.main([*flags, "--out", str(tmp_path / "run"), "--device", "cpu"])
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_each_signal_that_ends_a_session_saves_the_run(monkeypatch, tmp_path, name):
    number, restored = getattr(signal, name), {}
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        restored[each] = signal.signal(each, signal.SIG_DFL)
    monkeypatch.setattr(command, "describe", lambda *_: os.kill(os.getpid(), number))
    try:
        with pytest.raises(SystemExit) as stopped:
            train_on_noise(monkeypatch, "--epochs", 9, "--out", tmp_path / "run")
    finally:
        for each, handler in restored.items():
            signal.signal(each, handler)
    assert stopped.value.code == 130
    assert (tmp_path / "run" / "checkpoint.pt").is_file()


def test_a_hangup_that_is_ignored_stays_ignored():
    """As `nohup` starts a command."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    try:
        command.stop_on_signal()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
        signal.signal(signal.SIGINT, handlers[0])
        signal.signal(signal.SIGTERM, handlers[1])
