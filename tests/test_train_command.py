"""`train.py` and `python -m pixelcnn.evaluate` as a person runs them."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pixelcnn import PixelCNN
from pixelcnn.config import ModelConfig
from pixelcnn.store.folder import save
from pixelcnn.training import command
from pixelcnn.training.presets import PRESETS

ROOT = Path(__file__).resolve().parent.parent
MNIST_DIR = os.environ.get("MNIST_DIR")
needs_mnist = pytest.mark.skipif(
    MNIST_DIR is None, reason="MNIST_DIR does not name a folder that holds MNIST"
)
SMALL = ["--inner_dim", "4", "--dilations", "1", "--batch-size", "500", "--precision", "fp32"]


def configs(*flags):
    return command.configs(command.parse_args(flags))


def test_the_defaults_are_those_of_the_first_project():
    model, run = configs()
    assert (run.epochs, run.lr, run.gamma, run.batch_size) == (50, 1e-3, 0.99, 128)
    assert (model.in_channels, model.inner_dim) == (1, 64)
    assert (run.schedule, run.weight_decay) == ("exponential", 0)


def test_underscores_and_dashes_are_the_same():
    assert configs("--batch_size", "7", "--inner_dim", "8") == configs(
        "--batch-size", "7", "--inner-dim", "8"
    )


def test_preset_gated_mnist():
    model, run = configs("--preset", "gated-mnist")
    assert (model.architecture, model.likelihood) == ("gated", "categorical")
    assert model.levels > 2
    assert run.binarization == "none"
    assert (run.epochs, run.lr, run.gamma, run.batch_size) == (50, 1e-3, 0.99, 128)


def test_preset_residual_binary():
    model, run = configs("--preset", "residual-binary")
    assert (model.architecture, model.levels, model.likelihood) == ("residual", 2, "bernoulli")
    assert model.dilations == (1,) * 9
    assert (run.epochs, run.batch_size, run.sample_epochs) == (30, 64, (20, 30))
    assert run.binarization == "threshold"
    parameters = sum(p.numel() for p in PixelCNN(model).parameters())
    assert round(parameters / 1e6, 2) == 0.49


NO_CLASSES = ("gated-mnist", "residual-binary", "residual")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_run(name):
    model, run = command.configs(command.parse_args(["--preset", name]))
    assert PixelCNN(model).num_classes == (0 if name in NO_CLASSES else 10)
    assert run.binarization == ("none" if model.levels > 2 else run.binarization)


def test_flags_win_over_the_preset():
    _, run = configs("--preset", "residual-binary", "--batch-size", "9")
    assert (run.batch_size, run.epochs) == (9, 30)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--levels", "1"], "levels must be 2 to 256, got 1."),
        (["--levels", "4", "--binarization", "threshold"], "4 levels go with binarization none"),
        (["--epochs", "3", "--sample-epochs", "5"], "sample_epochs must lie between 1 and epochs"),
        (["--dilations", "2,0"], "dilations must be positive, got (2, 0)."),
        (["--device", "nonsense"], "device 'nonsense' cannot be used here"),
        (["--in_channels", "3"], "in_channels must be 1, got 3."),
        (["--resume", "/nowhere"], "nothing to resume from"),
    ],
)
def test_bad_flags_end_in_one_sentence(flags, sentence, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        command.main([*flags, "--out", str(tmp_path), "--data-dir", str(tmp_path)])
    assert sentence in stopped.value.code
    assert "\n" not in stopped.value.code


def interrupted(command: list[str], number: signal.Signals) -> str:
    """Start the command, send the signal once it trains, and return the rest of its output."""
    process = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert any("parameters on cpu" in line for line in process.stdout)
    process.send_signal(number)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    return output


@needs_mnist
def test_a_signal_saves_and_says_how_to_go_on(tmp_path):
    """The real command on real MNIST: interrupted in its first epoch, resumed, interrupted again."""
    out = tmp_path / "run"
    flags = [*SMALL, "--epochs", "2", "--device", "cpu", "--data-dir", str(MNIST_DIR)]
    output = interrupted(["train.py", *flags, "--out", str(out)], signal.SIGINT)
    first = torch.load(out / "checkpoint.pt", weights_only=True)["step"]
    match = re.search(r"python (train.py --resume .*)", output)
    assert match
    interrupted(match[1].split(), signal.SIGTERM)
    assert torch.load(out / "checkpoint.pt", weights_only=True)["step"] > first


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights")
    save(PixelCNN(ModelConfig(num_classes=10, inner_dim=4, dilations=(1,))), folder)
    return folder


def evaluate(*arguments):
    command = [sys.executable, "-m", "pixelcnn.evaluate", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@needs_mnist
def test_evaluate_prints_one_json_object_last(weights):
    result = evaluate(weights, "--data-dir", MNIST_DIR, "--limit", 20)
    assert result.returncode == 0
    figures = json.loads(result.stdout.splitlines()[-1])
    assert figures["images"] == 20
    assert (figures["split"], figures["binarization"], figures["levels"]) == (
        "test",
        "threshold",
        2,
    )
    assert figures["ensemble"] is False
    file = (weights / "model.safetensors").read_bytes()
    assert figures["weights_sha256"] == hashlib.sha256(file).hexdigest()
    assert figures["nats_per_image"] > 0
    assert figures["nats_per_image_given_class"] > 0
    assert figures["bits_per_dim"] == pytest.approx(
        figures["nats_per_image"] / 784 / 0.693147, 1e-5
    )


def test_evaluate_without_weights_is_one_sentence(tmp_path):
    result = evaluate(tmp_path)
    assert result.returncode == 1
    assert result.stderr == f"{tmp_path} has no config.json: give a folder that holds a model.\n"
