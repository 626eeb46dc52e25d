"""`train.py` and `python -m pixelcnn.evaluate` as a person runs them."""

import hashlib
import json
import math
import re
import runpy
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pixelcnn import PixelCNN, evaluate
from pixelcnn.config import ModelConfig, TrainConfig
from pixelcnn.data.datasets import Images
from pixelcnn.store.folder import save, sha256
from pixelcnn.store.stages import Result, Stage, read_stages, write_stages
from pixelcnn.training import command, flags
from pixelcnn.training.presets import PRESETS
from tests.toys import exactly, write_mnist

ROOT = Path(__file__).resolve().parent.parent
SMALL = ["--inner_dim", "4", "--dilations", "1", "--batch-size", "500", "--precision", "fp32"]


def configs(*typed):
    return flags.configs(flags.parse_args(typed))


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
    assert (model.levels, run.binarization) == (16, "none")
    assert (run.epochs, run.lr, run.gamma, run.batch_size) == (50, 1e-3, 0.99, 128)


def test_preset_residual_binary():
    model, run = configs("--preset", "residual-binary")
    assert (model.architecture, model.levels, model.likelihood) == ("residual", 2, "bernoulli")
    assert model.dilations == (1,) * 9
    assert (run.epochs, run.batch_size, run.sample_epochs) == (30, 64, (20, 30))
    assert run.binarization == "threshold"
    parameters = sum(p.numel() for p in PixelCNN(model).parameters())
    assert round(parameters / 1e6, 2) == 0.49


# Levels, binarization, classes, two hands.
EVERY_PRESET = {
    "gated-mnist": (16, "none", 0, False),
    "residual-binary": (2, "threshold", 0, False),
    "binary": (2, "threshold", 10, True),
    "residual": (2, "threshold", 0, False),
    "gray": (16, "none", 10, True),
    "any-part": (2, "threshold", 10, True),
    "tiny": (2, "threshold", 10, False),
    "gray-256": (256, "none", 10, True),
    "stochastic": (2, "stochastic", 10, True),
}


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_run(name):
    model, run = configs("--preset", name)
    facts = (model.levels, run.binarization, model.num_classes, model.freehand)
    assert facts == EVERY_PRESET[name]
    assert PixelCNN(model).num_classes == model.num_classes


def test_preset_tiny_is_small_and_short():
    model, run = configs("--preset", "tiny")
    assert (run.epochs, run.optimizer) == (1, "muon")
    assert sum(p.numel() for p in PixelCNN(model).parameters()) < 50_000


def test_flags_win_over_the_preset():
    _, run = configs("--preset", "residual-binary", "--batch-size", "9")
    assert (run.batch_size, run.epochs) == (9, 30)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--levels", "1"], "levels must be 2 to 256, got 1."),
        (["--levels", "4", "--binarization", "threshold"], "4 levels go with binarization none"),
        (["--epochs", "3", "--sample-epochs", "5"], "sample_epochs must lie between 1 and epochs"),
        (["--dilations", "2,0"], "dilations must be 1 to 1024, got (2, 0)."),
        (["--device", "nonsense"], "device 'nonsense' cannot be used here"),
        (["--posterior", "-1"], "posterior must be 0 or more, got -1.0."),
        (["--posterior", "1"], "--posterior needs a --class-conditional model without --dropout."),
        (["--in_channels", "3"], "in_channels must be 1, got 3."),
        (["--resume", "/nowhere"], "nothing to resume from"),
    ],
)
def test_bad_flags_end_in_one_sentence(flags, sentence, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        command.main([*flags, "--out", str(tmp_path), "--data-dir", str(tmp_path)])
    assert sentence in stopped.value.code
    assert "\n" not in stopped.value.code


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """2,000 training images beside validation, and 40 test images, of noise, as MNIST is stored."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for part, count in (("train", 7_000), ("t10k", 40)):
        write_mnist(root, part, rng.integers(256, size=(count, 28, 28)), np.arange(count) % 10)
    return root


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


@pytest.mark.slow
def test_a_signal_saves_and_says_how_to_go_on(tmp_path, data_dir):
    """The real command: interrupted in its first epoch, resumed, interrupted again."""
    out = tmp_path / "run"
    flags = [*SMALL, "--batch-size", "2", "--device", "cpu", "--data-dir", str(data_dir)]
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


def test_evaluate_prints_one_json_object_last(weights, data_dir, capsys):
    evaluate.main([str(weights), "--data-dir", str(data_dir), "--limit", "20"])
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["images"] == 20
    data = figures["dataset"], figures["split"], figures["binarization"], figures["levels"]
    assert data == ("MNIST", "test", "threshold", 2)
    assert (figures["precision"], figures["ensemble"]) == ("fp32", False)
    file = (weights / "model.safetensors").read_bytes()
    assert figures["weights_sha256"] == hashlib.sha256(file).hexdigest()
    assert figures["nats_per_image"] > 0
    assert figures["nats_per_image_given_class"] > 0
    bits = figures["nats_per_image"] / 784 / math.log(2)
    assert figures["bits_per_dim"] == pytest.approx(bits)


def test_evaluate_without_weights_is_one_sentence(tmp_path, monkeypatch):
    """As `python -m pixelcnn.evaluate` runs it."""
    monkeypatch.setattr(sys, "argv", ["evaluate", str(tmp_path)])
    monkeypatch.delitem(sys.modules, "pixelcnn.evaluate")
    sentence = f"{tmp_path} holds no model: give the folder of a model or of a run."
    with pytest.raises(SystemExit, match=exactly(sentence)):
        runpy.run_module("pixelcnn.evaluate", run_name="__main__")


STOPPED = TrainConfig(dataset="FashionMNIST", binarization="stochastic", epochs=3)


@pytest.fixture
def stochastic(weights, tmp_path):
    """Weights that are on record as fitted to stochastic FashionMNIST."""
    shutil.copytree(weights, tmp_path, dirs_exist_ok=True)
    result = Result(sha256=sha256(tmp_path), epoch=3)
    stage = Stage(origins=(), settings=STOPPED.to_dict(), model=None, epochs=3, results=(result,))
    write_stages((stage,), tmp_path)
    return tmp_path


def chosen(capsys, folder, *flags):
    args = evaluate.parse_args([str(folder), *flags])
    data = evaluate.what_to_measure(folder, 2, args.dataset, args.binarization)
    return data, capsys.readouterr().err.splitlines()


def test_evaluate_measures_what_the_weights_were_fitted_to(stochastic, weights, capsys):
    assert chosen(capsys, stochastic) == (("FashionMNIST", "stochastic"), [])
    assert chosen(capsys, weights) == (("MNIST", "threshold"), [])


def test_evaluate_says_where_a_flag_contradicts_the_record(stochastic, capsys):
    data, said = chosen(capsys, stochastic, "--dataset", "MNIST", "--binarization", "threshold")
    assert data == ("MNIST", "threshold")
    assert said == [
        "The weights were fitted to FashionMNIST; this measures MNIST.",
        "The weights were fitted to stochastic; this measures threshold.",
    ]
    assert chosen(capsys, stochastic, "--dataset", "FashionMNIST")[1] == []


def noise(*_):
    generator = torch.Generator().manual_seed(0)
    greys = torch.randint(256, (10, 1, 28, 28), generator=generator, dtype=torch.uint8)
    return Images(greys, torch.arange(10))


def train_on_noise(monkeypatch, *flags):
    monkeypatch.setattr(command, "load_images", noise)
    command.main([*SMALL, "--device", "cpu", *map(str, flags)])


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--epochs", "2"], "--resume goes on with epochs 1, as the run began, not with 2: leave"),
        (["--lr", "0.5"], "--resume goes on with lr 0.001"),
        (["--dilations", "1,2"], "--resume goes on with dilations [1], as"),
        (["--class-conditional"], "--resume goes on with class_conditional False"),
        (["--preset", "gray"], "--resume goes on with"),
    ],
)
def test_flags_that_a_resumed_run_would_not_heed_are_refused(
    monkeypatch, tmp_path, flags, sentence
):
    path = tmp_path / "run"
    train_on_noise(monkeypatch, "--epochs", 1, "--out", path)
    with pytest.raises(SystemExit) as stopped:
        command.main(["--resume", str(path), "--device", "cpu", *flags])
    assert stopped.value.code.startswith(sentence)
    assert "\n" not in stopped.value.code


def test_a_resumed_run_takes_the_flags_that_it_began_with(monkeypatch, tmp_path):
    path = tmp_path / "run"
    train_on_noise(monkeypatch, "--epochs", 1, "--out", path)
    train_on_noise(monkeypatch, "--epochs", 1, "--resume", path)


def test_another_run_is_not_overwritten(monkeypatch, tmp_path):
    path = tmp_path / "run"
    train_on_noise(monkeypatch, "--epochs", 1, "--out", path)
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    with pytest.raises(SystemExit) as stopped:
        train_on_noise(monkeypatch, "--epochs", 1, "--lr", 0.1, "--out", path)
    assert stopped.value.code == (
        f"{path} holds another run (checkpoint.pt): give another --out, or --resume {path} to go on with it."
    )
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before


def test_a_run_that_diverges_says_what_to_change_and_where_the_best_is(monkeypatch, tmp_path):
    path = tmp_path / "run"
    with pytest.raises(SystemExit) as stopped:
        train_on_noise(monkeypatch, "--epochs", 3, "--lr", 1e25, "--gamma", 1, "--out", path)
    assert "a lower --lr" in stopped.value.code
    assert "\n" not in stopped.value.code
    if (path / "best").exists():
        assert f"are in {path / 'best'}." in stopped.value.code


def test_weights_that_begin_with_others_say_so(monkeypatch, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    train_on_noise(monkeypatch, "--epochs", 2, "--lr", 1e-3, "--out", first)
    train_on_noise(monkeypatch, "--epochs", 1, "--lr", 1e-4, "--out", second, "--init", first)
    stages = read_stages(second)
    assert [stage.settings["lr"] for stage in stages] == [1e-3, 1e-4]
    assert [stage.epochs for stage in stages] == [2, 1]
    assert stages[1].origins[0].sha256 == sha256(first / "best")
