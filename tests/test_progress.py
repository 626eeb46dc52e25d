"""What a run shows of itself while it goes on."""

import csv
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pixelcnn import calibrate
from pixelcnn.store.folder import LAST, load_folder
from pixelcnn.store.stages import check_stages, read_stages
from pixelcnn.training import command, curves, progress
from pixelcnn.training.loop import Hooks
from pixelcnn.training.loop import train as loop
from pixelcnn.training.presets import PRESETS
from pixelcnn.training.run import start
from pixelcnn.training.run_folder import RunFolder
from tests.test_train_command import noise
from tests.test_training import CONFIG, CPU, MODEL, TRAIN, VALIDATION, run_all

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def clock(monkeypatch):
    """A clock of which every look takes a second."""
    seconds = iter(range(1_000_000))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(seconds)))


def test_without_a_terminal_there_is_a_line_a_minute_that_counts_down(clock, capsys):
    said = []
    run = start(MODEL, replace(CONFIG, batch_size=1, epochs=4), CPU)
    loop(run, TRAIN, VALIDATION, Hooks(report=said.append))
    lines = [line for line in said if "left" in line]
    steps = 4 * len(TRAIN)
    assert steps // 60 <= len(lines) <= 3 * steps // 60 + 4
    left = [
        60 * int(h or 0) + int(m)
        for h, m in re.findall(r"(?:(\d+) h )?(\d+) min left", "\n".join(lines))
    ]
    assert len(left) == len(lines)
    assert left == sorted(left, reverse=True)
    assert left[0] > 2 * left[-1] - 1  # of the run, not of its epoch


def test_a_line_is_written_at_once(monkeypatch, tmp_path):
    """A file or a pipe keeps what is not flushed."""
    with (tmp_path / "log").open("w") as file:
        monkeypatch.setattr(progress.sys, "stdout", file)
        progress.tell("a line")
        assert (tmp_path / "log").read_text() == "a line\n"


def losses(folder):
    with (folder / "steps.csv").open() as file:
        return [(int(r["step"]), float(r["train_nats_per_image"])) for r in csv.DictReader(file)]


def test_losses_within_an_epoch_are_kept_and_drawn(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(curves, "write_whole", lambda path, data: drawn.append(data))
    run = run_all(tmp_path, replace(CONFIG, epochs=1))
    kept = losses(tmp_path)
    steps = [step for step, _ in kept]
    assert len(kept) > 1
    assert steps == sorted(set(steps))
    counts = torch.tensor([min(CONFIG.batch_size, len(TRAIN))] * len(steps))
    counts[-1] = len(TRAIN) - counts[:-1].sum()
    mean = (counts * torch.tensor([nats for _, nats in kept])).sum() / len(TRAIN)
    assert mean == pytest.approx(run.history[0]["train_nats_per_image"])
    assert drawn[-1].startswith(b"\x89PNG")


def test_a_resumed_run_keeps_the_losses_of_one_that_was_not_stopped(tmp_path):
    run_all(tmp_path / "whole")
    run_all(tmp_path / "stopped", stops=(2, 5))
    assert losses(tmp_path / "stopped") == losses(tmp_path / "whole")


def test_a_run_that_stops_in_its_first_epoch_leaves_weights_that_load(tmp_path):
    folder, run = RunFolder.new(tmp_path), start(MODEL, CONFIG, CPU)
    hooks = Hooks(checkpoint=folder.save, should_stop=lambda step: step == 2)
    assert not loop(run, TRAIN, VALIDATION, hooks)
    loaded, expected = load_folder(tmp_path / LAST).state_dict(), run.evaluated.state_dict()
    assert all(torch.equal(loaded[name], expected[name]) for name in expected)
    check_stages(read_stages(tmp_path), tmp_path / LAST)
    assert (tmp_path / "loss.png").is_file()


def test_every_preset_has_a_time():
    text = (ROOT / "docs/training.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| `")]
    times = {name: row[2] for row in rows for name in re.findall(r"`([\w-]+)`", row[0])}
    lacking = [
        name
        for name in PRESETS
        if not re.search(r"\d (s|min|h|minutes|hours)\b", times.get(name, ""))
    ]
    assert lacking == []


def test_the_blocks_that_train_run_in_order_as_printed(monkeypatch, tmp_path):
    """Each command of a block, on noise and with a tiny network: what one reads, an earlier one wrote."""
    (block,) = re.findall(r"## Train\n.*?```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    small = (
        "--inner-dim 4 --dilations 1 --horizontal-dim 4 --class-from 0 --batch-size 5 --epochs 1"
    )
    monkeypatch.chdir(tmp_path)
    for module in (command, calibrate):
        monkeypatch.setattr(module, "load_images", noise)
    for line in block.splitlines():
        words = line.partition("#")[0].split()
        if words[:2] == ["python", "train.py"]:
            command.main([*words[2:], *small.split(), "--sample-epochs", "1", "--device", "cpu"])
        elif "pixelcnn.calibrate" in words:
            calibrate.main([*words[3:], "--limit", "10", "--outliers", "0"])
