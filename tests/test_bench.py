"""What the benchmarks compare is comparable."""

import json

import pytest
import torch

from bench import training
from bench.reference import PlainRun, plain
from pixelcnn.config import TrainConfig
from pixelcnn.training.run import start
from pixelcnn.training.step import train_step
from tests.toys import random_labels, random_levels, toy_config, wild_model

CONFIG = toy_config(num_classes=10, dilations=(1, 2, 1))


@pytest.fixture
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("float64")
def test_the_reference_is_the_same_function():
    model = wild_model(CONFIG)
    levels, label = random_levels(CONFIG, 3), random_labels(CONFIG, 3)
    torch.testing.assert_close(plain(model)(levels, label).unsqueeze(-1), model(levels, label))


@pytest.mark.usefixtures("float64")
def test_the_reference_takes_the_same_steps():
    config = TrainConfig(lr=1e-2, weight_decay=0.01, grad_clip=1.0, ema=0.998, precision="fp32")
    run = start(CONFIG, config, torch.device("cpu"))
    reference = PlainRun(run.model, lr=1e-2, weight_decay=0.01, clip=1.0)
    run.model.train()
    levels, label = random_levels(CONFIG, 8), random_labels(CONFIG, 8)
    hand = torch.zeros(8, dtype=torch.bool)
    pairs = [
        (reference.step(levels, label, decay=0.998), train_step(run, levels, label, hand, 1.0))
        for _ in range(5)
    ]
    for theirs, ours in pairs:
        torch.testing.assert_close(theirs, ours)
    assert pairs[-1][1] < pairs[0][1]


def test_training_bench_measures_ours_beside_the_reference(capsys, monkeypatch):
    flags = ["--steps", "3", "--batch-size", "1"]
    monkeypatch.setattr("sys.argv", ["bench.training", *flags])
    training.main()
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["ours"]["ours_faster_by"] == 1
    for name in ("reference", "ours"):
        assert result[name]["images_per_second"] == pytest.approx(1e3 / result[name]["ms"])
