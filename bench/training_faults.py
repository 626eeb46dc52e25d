"""`python -m bench.training_faults`: what happens to a training run when things go wrong.

A small run of `train.py` on drawn bars is killed at random moments, finds the disk full or read-only, its
checkpoint damaged, its loss lost, or one of its processes dead. After each fault it is resumed, and its end
is compared with that of a run that was left alone. Disks are small ones in memory: for these it must be root,
and else it says that they were left out. Prints a table and, as its last line, one JSON object.
"""

import argparse
import itertools
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.machine import machine
from pixelcnn.store.folder import BEST, CHECKPOINT, LAST, LOG, TRAINING, WEIGHTS, load_folder
from pixelcnn.training.checkpoint import load_checkpoint, save_checkpoint
from pixelcnn.training.command import main as train
from pixelcnn.training.run_folder import RunFolder

CPU = torch.device("cpu")
ROOT = Path(__file__).resolve().parent.parent
IMAGES = 1_000  # beside the 5,000 of validation
FLAGS = (
    *("--inner_dim", "4", "--horizontal-dim", "4", "--dilations", "1", "--class-conditional"),
    *("--horizontal-dilations", "1", "--dropout", "0.1", "--optimizer", "muon", "--ema", "0.9"),
    *("--epochs", "2", "--batch-size", "40", "--checkpoint-steps", "4", "--precision", "fp32"),
    *("--device", "cpu"),
)
PATIENCE = 300  # seconds for a run
# Each run is forked from a process that has imported all it needs; an optimizer needs `torch._dynamo`.
FORKS = multiprocessing.get_context("forkserver")
PRELOAD = [
    *("bench.machine", "pixelcnn.training.command", "torchvision.datasets"),
    *("matplotlib.figure", "torch._dynamo"),
]
FORKS.set_forkserver_preload(PRELOAD)


class LostError(Exception):
    """Something did not survive."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    fault: str
    provoked: str
    times: int
    happened: str
    lost: str = "nothing"


def write_bars(folder: Path) -> None:
    """Digits as MNIST is stored: class k is a bar in column 2k + 4, its length varies."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, count in (("train", 5_000 + IMAGES), ("t10k", 100)):
        labels = np.arange(count) % 10
        images = np.zeros((count, 28, 28), np.uint8)
        for k, label in enumerate(labels):
            images[k, 4 : 14 + k % 11, 2 * label + 4] = 255
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = np.array([0x0800 + array.ndim, *array.shape], ">i4").tobytes()
            (raw / f"{part}-{name}-ubyte").write_bytes(header + array.astype(np.uint8).tobytes())


def _run(argv: list[str], said: Path, stop_at: int) -> None:
    """What a forked process does: `train.py` with these flags; what it says goes to a file.

    In the midst of the write of a file that has the number `stop_at`, from 1 on, it stops (SIGSTOP).
    """
    numbers, sync = itertools.count(1), os.fsync

    def stopping(descriptor: int) -> None:
        sync(descriptor)
        if next(numbers) == stop_at:
            os.kill(os.getpid(), signal.SIGSTOP)

    os.fsync = stopping  # type: ignore[assignment]
    with said.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    torch.set_num_threads(1)
    train(argv)


@dataclass(frozen=True)
class Bench:
    """Where the runs are, and how they are started."""

    folder: Path
    rng: random.Random
    seconds: float = 3.0  # that a run takes

    @property
    def data(self) -> list[str]:
        """The flag of the images."""
        return ["--data-dir", str(self.folder / "data")]

    @property
    def said(self) -> Path:
        """What the last run said."""
        return self.folder / "said.txt"

    def flags(self, out: Path) -> list[str]:
        """What begins a run in a folder or, if it holds one that can go on, goes on with it."""
        if (out / CHECKPOINT).exists():
            return ["--resume", str(out), "--checkpoint-steps", "4", *self.data]
        return [*FLAGS, "--out", str(out), *self.data]

    def start(self, *flags: str, stop_at: int = 0) -> Any:
        """A process that trains; it may stop in a write, see `_run`."""
        process = FORKS.Process(target=_run, args=(list(flags), self.said, stop_at))
        process.start()
        return process

    def stopped(self, out: Path, *, write: int) -> Any:
        """A process that trains and has stopped in the midst of a write, the first being 1."""
        process = self.start(*self.flags(out), stop_at=write)
        wait_for_stop(process)
        if not process.is_alive():
            raise LostError(self.said.read_text(encoding="utf-8"))
        return process

    def finish(self, *flags: str) -> str:
        """Train to the end of the process, whatever that is; the sentence that it ended with, or nothing."""
        process = self.start(*flags)
        process.join(PATIENCE)
        text = self.said.read_text(encoding="utf-8")
        if "Traceback" in text or process.exitcode not in (0, 1):
            process.kill()
            raise LostError(f"It ended with status {process.exitcode}: {text[-2_000:]}")
        return text.splitlines()[-1] if process.exitcode else ""

    def refused(self, sentence: str, *flags: str) -> str:
        """Train, and expect an end with a sentence that holds these words."""
        ended = self.finish(*flags)
        if sentence not in ended:
            raise LostError(f"Expected a sentence with {sentence!r}, got {ended!r}")
        return ended

    def check(self, out: Path) -> None:
        """Compare a finished run with the one that was left alone, bit for bit."""
        whole = self.folder / "whole"
        for name in (f"{BEST}/{WEIGHTS}", f"{LAST}/{WEIGHTS}", TRAINING, LOG):
            if (out / name).read_bytes() != (whole / name).read_bytes():
                raise LostError(f"{name} is another than without the fault.")
        if not same(*(load_checkpoint(each / CHECKPOINT, CPU) for each in (out, whole))):
            raise LostError("The last checkpoint is another than without the fault.")
        if left := list(out.rglob("*.partial")):
            raise LostError(f"{left[0]} was left behind.")


def same(a: Any, b: Any) -> bool:
    """Whether two states are equal, bit for bit."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return torch.equal(a, b)
    return bool(a == b)


def killed(bench: Bench, times: int) -> list[Row]:
    """SIGKILL at random moments, half of them in the midst of the write of a file."""
    runs = writing = done = 0
    out = bench.folder / "killed-0"
    while done < times:
        if bench.rng.random() < 0.5:
            process = bench.start(*bench.flags(out), stop_at=bench.rng.randrange(1, 12))
            wait_for_stop(process)
            writing += process.is_alive()
        else:
            process = bench.start(*bench.flags(out))
            process.join(bench.rng.uniform(0, bench.seconds))
        if process.is_alive():
            process.kill()
            process.join()
            done += 1
        elif process.exitcode:
            raise LostError(bench.said.read_text(encoding="utf-8"))
        else:
            bench.check(out)
            runs += 1
            out = bench.folder / f"killed-{runs}"
    if sentence := bench.finish(*bench.flags(out)):
        raise LostError(sentence)
    bench.check(out)
    return [
        Row(
            "killed",
            f"SIGKILL at random moments, {writing} while a file was written",
            times,
            f"{runs + 1} runs resumed to their end; weights, averages, optimizers and losses equal bit for"
            " bit those of a run that was left alone",
        )
    ]


def wait_for_stop(process: Any) -> None:
    """Wait until a process has stopped (SIGSTOP) or ended."""
    stat = Path(f"/proc/{process.pid}/stat")
    while process.is_alive():
        with suppress(FileNotFoundError):  # it has just ended
            if stat.read_text().rpartition(")")[2].split()[0] == "T":
                return
        time.sleep(0.01)


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Callable[[str], None]]:
    """A disk in memory of so many bytes; what is yielded mounts it anew with other options.

    Raises:
        PermissionError: if this process may not mount.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        raise PermissionError("mounting a small disk needs root")

    def again(options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)

    try:
        yield again
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def full(bench: Bench, times: int) -> list[Row]:
    """Disks that are full earlier or later in a run."""
    whole = sum(p.stat().st_size for p in (bench.folder / "whole").rglob("*") if p.is_file())
    stopped = 0
    for k in range(times):
        with small_disk(bench.folder / "disk", max(4096, whole * (k + 1) // times)) as again:
            out = bench.folder / "disk" / "run"
            while sentence := bench.finish(*bench.flags(out)):
                stopped += 1
                if "could not be written: No space left" not in sentence:
                    raise LostError(sentence)
                if (out / CHECKPOINT).exists():
                    load_checkpoint(out / CHECKPOINT, CPU)
                again(f"size={3 * whole}")
            bench.check(out)
    return [
        Row(
            "full disk",
            f"{times} disks, full between a run's first byte and its last",
            stopped,
            "one sentence, status 1; the checkpoint before is whole; with space it goes on to the same bits",
        )
    ]


def read_only(bench: Bench, times: int) -> list[Row]:
    """A folder that cannot be written, for a new run and for one that goes on."""
    with small_disk(bench.folder / "disk", 10_000_000) as again:
        out = bench.folder / "disk" / "run"
        process = bench.stopped(out, write=1)
        process.kill()
        process.join()
        again("ro")
        for _ in range(times):
            bench.refused("could not be written: Read-only file system", *bench.flags(out))
            bench.refused("cannot be made (Read-only", *FLAGS, "--out", f"{out}-2", *bench.data)
        again("rw")
        if sentence := bench.finish(*bench.flags(out)):
            raise LostError(sentence)
        bench.check(out)
    return [
        Row(
            "read-only folder",
            "a disk mounted read-only, a new run and a resumed one",
            2 * times,
            "one sentence, status 1; nothing changed; writable again it goes on to the same bits",
        )
    ]


def damaged(bench: Bench, times: int) -> list[Row]:
    """Checkpoints with a flipped bit in every part of the file, cut short, or of something else."""
    data = (bench.folder / "whole" / CHECKPOINT).read_bytes()
    out = bench.folder / "damaged"
    out.mkdir()
    path = out / CHECKPOINT

    def refused(words: str) -> None:
        try:
            RunFolder.resume(out, CPU)
        except ValueError as error:
            if words in str(error) and "\n" not in str(error):
                return
            raise LostError(f"Expected a sentence with {words!r}, got {error}") from error
        raise LostError(f"A checkpoint was read that should have failed with {words!r}.")

    for k in range(times):
        place = bench.rng.randrange(k * len(data) // times, (k + 1) * len(data) // times)
        flipped = bytearray(data)
        flipped[place] ^= 1 << bench.rng.randrange(8)
        path.write_bytes(flipped)
        refused("is damaged or no checkpoint")
        path.write_bytes(data[:place])
        refused("is damaged or no checkpoint")
    state = load_checkpoint(bench.folder / "whole" / CHECKPOINT, CPU)
    others = {
        "it is of version 99": {"version": 99},
        "TrainConfig has no field speed": {"train_config": state["train_config"] | {"speed": 1}},
        "Error(s) in loading state_dict": {
            "model_config": state["model_config"] | {"inner_dim": 5}
        },
    }
    for words, changes in others.items():
        save_checkpoint(state | changes, path)
        refused(words)
    sentence = bench.refused("no run that can go on here", "--resume", str(out), *bench.data)
    return [
        Row(
            "damaged checkpoint",
            "a bit flipped in each of so many parts of the file, the file cut there, another version or"
            " config",
            2 * times + len(others),
            f"one sentence, as: {sentence.replace(str(out), 'RUN')}",
        )
    ]


def lost_loss(bench: Bench, times: int) -> list[Row]:
    """Learning rates that no run survives."""
    for k in range(times):
        out = bench.folder / f"lost-{k}"
        flags = [*FLAGS, "--epochs", "40", "--optimizer", "adam", "--lr", "1e8"]
        warm = [
            "--warmup-steps",
            str(10 ** (6 - k)),
        ]  # rates from 100 or more on, by as much a step
        bench.refused("a lower --lr", *flags, *warm, "--out", str(out), *bench.data)
        state = load_checkpoint(out / CHECKPOINT, CPU)
        if not all(tensor.isfinite().all() for tensor in state["model"].values()):
            raise LostError("A checkpoint holds weights that are not finite.")
        if (out / BEST).exists():
            load_folder(out / BEST)
    return [
        Row(
            "lost loss",
            "learning rates that grow until the loss explodes or is no number",
            times,
            "one sentence that names step, epoch and what to change; checkpoint and best weights are finite",
        )
    ]


def two_at_once(bench: Bench, times: int) -> list[Row]:
    """A second process that wants to go on with a run that is in progress."""
    out = bench.folder / "twice"
    for _ in range(times):
        process = bench.stopped(out, write=3)
        bench.refused("Another process works in", *bench.flags(out))
        process.kill()
        process.join()
    if sentence := bench.finish(*bench.flags(out)):
        raise LostError(sentence)
    bench.check(out)
    return [Row("two processes", "a run resumed while it trains", times, "the second is refused")]


def dead_worker(bench: Bench, times: int) -> list[Row]:
    """Of the processes that `torchrun` starts one is killed; the run goes on with another number of them."""
    out = bench.folder / "workers"
    for k in range(times):
        size = 2 + k % 2
        workers = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={size}"]
        command = [sys.executable, *workers, "train.py", *bench.flags(out)]
        with bench.said.open("wb") as file:
            process = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file)
        wait_for_checkpoints(process, out, 2)
        time.sleep(bench.rng.uniform(0, 0.1))
        os.kill(children(process.pid)[k % size], signal.SIGKILL)
        status = process.wait(PATIENCE)
        text = bench.said.read_text(encoding="utf-8")
        load_checkpoint(out / CHECKPOINT, CPU)
        if not status or "Another process of this run has ended" not in text:
            raise LostError(text)
    if sentence := bench.finish(*bench.flags(out)):
        raise LostError(sentence)
    ours, whole = (log(each)[-1] for each in (out, bench.folder / "whole"))
    if abs(ours - whole) > 0.01 * whole:
        raise LostError(f"The run ended at {ours} nats, and alone at {whole}.")
    return [
        Row(
            "dead worker",
            "SIGKILL of one of two or three processes of `torchrun`",
            times,
            "the others end with a sentence, status 1; the run goes on with another number of processes, to"
            f" {ours:.3f} nats per image; one process alone: {whole:.3f}",
        )
    ]


def wait_for_checkpoints(process: "subprocess.Popen[bytes]", out: Path, count: int) -> None:
    """Wait until a run has written so many more checkpoints, or the process has ended."""
    path = out / CHECKPOINT

    def written() -> int:
        return path.stat().st_mtime_ns if path.exists() else 0

    before = written()
    while count and process.poll() is None:
        time.sleep(0.005)
        now = written()
        count -= now != before
        before = now


def children(pid: int) -> list[int]:
    """The processes that a process has started, in the order of their numbers."""
    return sorted(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def log(folder: Path) -> list[float]:
    """Validation losses of the epochs of a run, nats per image."""
    lines = (folder / LOG).read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["validation_nats_per_image"] for line in lines]


FAULTS = {
    "killed": (killed, 50),
    "full": (full, 10),
    "read-only": (read_only, 3),
    "damaged": (damaged, 300),
    "lost": (lost_loss, 3),
    "twice": (two_at_once, 3),
    "worker": (dead_worker, 4),
}


def measure(faults: list[str], times: int | None, seed: int, folder: Path) -> list[Row]:
    """Provoke the faults, with a folder to work in.

    Raises:
        LostError: with what happened, if something was lost.
    """
    bench = Bench(folder, random.Random(seed))
    write_bars(folder / "data")
    bench.start("--help").join()  # the process that others are forked from imports what they need
    before = time.perf_counter()
    if sentence := bench.finish(*bench.flags(folder / "whole")):
        raise LostError(sentence)
    bench = replace(bench, seconds=time.perf_counter() - before)
    rows = []
    for name in faults:
        provoke, usual = FAULTS[name]
        try:
            rows += provoke(bench, times or usual)
        except PermissionError as error:
            rows.append(Row(name, "left out", 0, str(error)))
    return rows


def main(argv: list[str] | None = None) -> None:
    """Provoke and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("faults", nargs="*", metavar="FAULT", help=f"of {', '.join(FAULTS)}; default: all")
    add("--times", type=int, help="each fault so many times; default: as often as in the table")
    add("--seed", type=int, default=0, help="of the moments and places")
    args = parser.parse_args(argv)
    if unknown := set(args.faults) - FAULTS.keys():
        sys.exit(f"There is no fault {', '.join(sorted(unknown))}: take {', '.join(FAULTS)}.")
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(args.faults or list(FAULTS), args.times, args.seed, Path(folder))
    print("| fault | how it was provoked | times | what happened | lost |")
    print("| --- | --- | --- | --- | --- |")
    for row in rows:
        print(f"| {row.fault} | {row.provoked} | {row.times} | {row.happened} | {row.lost} |")
    print(json.dumps({"rows": [vars(row) for row in rows], "seed": args.seed} | machine()))


if __name__ == "__main__":
    main()
