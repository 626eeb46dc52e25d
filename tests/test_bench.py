"""What the benchmarks compare is comparable."""

import json

import pytest
import torch

from bench import page_profile, training
from bench.reference import PlainRun, plain
from pixelcnn.config import TrainConfig
from pixelcnn.training.run import start
from pixelcnn.training.step import train_step
from tests.toys import (
    random_labels,
    random_levels,
    toy_config,
    wild_model,
    write_mnist,
)

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


@pytest.mark.slow
def test_the_training_bench_lets_both_learn(tmp_path, capsys):
    greys = torch.zeros(5_100, 28, 28, dtype=torch.uint8)
    labels = torch.arange(5_100) % 10
    for digit in range(10):
        greys[labels == digit, 4:24, 4 + 2 * digit : 6 + 2 * digit] = 255
    for part in ("train", "t10k"):
        write_mnist(tmp_path, part, greys.numpy(), labels.numpy())
    flags = ["--data-dir", str(tmp_path), "--batch-size", "4", "--validation-images", "20"]
    training.main([*flags, "--minutes", "0.05"])
    *_, of_54, speeds, last = capsys.readouterr().out.splitlines()
    assert of_54.split() == ["54", "-", "-"]
    assert speeds.startswith("images a second: ")
    result = json.loads(last)
    assert result["minutes"][-1] == 0.05
    for name in ("reference", "ours"):
        nats = result[name]["nats"]
        assert len(nats) == len(result["minutes"]) == 15
        assert nats[-1] < nats[0]
        assert result[name]["minutes_until"] == {"58": None, "56": None, "55": None, "54": None}
        assert result[name]["images_per_second"] > 0


def test_a_loss_is_timed_between_the_looks_around_it():
    looks, reached = [1.0, 10.0, 15.0, 20.0], [60.0, 58.0, 59.0, 55.0]
    times = [training.minutes_until(loss, looks, reached) for loss in (61, 58, 57, 54)]
    assert times == [1.0, 10.0, 17.5, None]


def test_time_inside_of_another_event_is_counted_there_alone():
    main = {"pid": 1, "tid": 2}
    events = [
        {**main, "ph": "M", "name": "thread_name", "args": {"name": "CrRendererMain"}},
        {**main, "ph": "X", "name": "FunctionCall", "ts": 0, "dur": 10_000},
        {**main, "ph": "X", "name": "Layout", "ts": 2_000, "dur": 3_000},
        {**main, "ph": "X", "name": "FunctionCall", "ts": 3_000, "dur": 1_000},
        {**main, "ph": "X", "name": "Paint", "ts": 20_000, "dur": 4_000},
        {"pid": 1, "tid": 3, "ph": "X", "name": "Paint", "ts": 0, "dur": 9_000},
        {**main, "ph": "X", "name": "SomethingElse", "ts": 0, "dur": 9_000},
    ]
    expected = {"scripts": 8.0, "styles and layout": 2.0, "painting": 4.0}
    assert page_profile.own_times(events) == expected
