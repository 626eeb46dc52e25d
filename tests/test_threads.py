"""Threads of operations: how they wait for each other, and how many there are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pixelcnn import calibrate, evaluate
from pixelcnn.training import command as train
from pixelcnn.ui import command as app

ROOT = Path(__file__).resolve().parent.parent

# What a fresh process does before it imports torch, whose OpenMP reads the policy then.
SPY = """
import os, runpy, sys

class Spy:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            print("policy", os.environ.get("OMP_WAIT_POLICY"), flush=True)
            os._exit(0)

sys.meta_path.insert(0, Spy())
"""
STARTS = {
    "import": "import pixelcnn",
    **{
        f"-m {name}": f"runpy.run_module({name!r}, run_name='__main__')"
        for name in (
            "pixelcnn.evaluate",
            "pixelcnn.calibrate",
            "pixelcnn.ui.command",
            "pixelcnn.training.command",
            "bench.sampling",
        )
    },
    **{name: f"runpy.run_path({name!r}, run_name='__main__')" for name in ("train.py", "app.py")},
}


def policy(start, **extra):
    environment = {name: v for name, v in os.environ.items() if not name.startswith("OMP_")}
    out = subprocess.run(
        [sys.executable, "-c", SPY + start],
        cwd=ROOT,
        env=environment | {"PYTHONPATH": str(ROOT)} | extra,
        capture_output=True,
        text=True,
    ).stdout
    return out.strip()


@pytest.mark.parametrize("start", STARTS)
def test_threads_sleep_while_they_wait_for_each_other(start):
    """Those that spin take the processor from what they wait for, where other programs run, too."""
    assert policy(STARTS[start]) == "policy PASSIVE"


def test_a_policy_of_ones_own_is_kept():
    assert policy(STARTS["import"], OMP_WAIT_POLICY="ACTIVE") == "policy ACTIVE"


@pytest.mark.parametrize("command", [train, evaluate, calibrate, app])
@pytest.mark.parametrize("count", [0, 1_000_000])
def test_threads_that_cannot_be_had_are_refused(command, count, monkeypatch, tmp_path):
    arguments = [] if command in (train, app) else [str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["command", *arguments, "--threads", str(count)])
    before = torch.get_num_threads()
    with pytest.raises(SystemExit) as stopped:
        command.main()
    assert str(stopped.value.code).startswith("--threads must be a whole number from 1 to ")
    assert torch.get_num_threads() == before


def test_a_command_takes_as_many_threads_as_it_is_told(monkeypatch, tmp_path):
    before, taken = torch.get_num_threads(), []

    def find(*_):
        taken.append(torch.get_num_threads())
        raise KeyError

    monkeypatch.setattr(evaluate, "find", find)
    try:
        with pytest.raises(KeyError):
            evaluate.main([str(tmp_path), "--threads", "2"])
    finally:
        torch.set_num_threads(before)
    assert taken == [2]
