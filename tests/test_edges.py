"""What lies at the edge of what functions take: one sentence, or the right answer."""

import math
import threading

import pytest
import torch

import pixelcnn
from pixelcnn.config import ModelConfig, TrainConfig
from pixelcnn.devices import one_thread_workers
from pixelcnn.sampling import sampler
from tests.toys import toy_config, wild_model

LEVELS = torch.zeros(2, 1, 4, 4, dtype=torch.long)


def model(**fields):
    return wild_model(toy_config(height=4, width=4, **fields))


def test_classes_are_asked_of_a_model_that_has_them():
    with pytest.raises(ValueError, match="This model has no classes"):
        model(num_classes=0).class_log_prob(LEVELS)


def test_an_image_has_at_least_one_row():
    for call in (model().log_prob, model(num_classes=2).class_log_prob):
        with pytest.raises(ValueError, match=r"levels must have shape .*, got \(2, 1, 0, 4\)\."):
            call(LEVELS[:, :, :0])


@pytest.mark.parametrize("rows", [0, 3])
@pytest.mark.parametrize("freehand", ["yes", True])
def test_a_style_is_checked_however_much_is_given(rows, freehand):
    with pytest.raises(ValueError, match="freehand must be"):
        pixelcnn.digit_posterior(model(num_classes=2), LEVELS, rows=rows, freehand=freehand)


def test_typicality_needs_eval_mode():
    with pytest.raises(ValueError, match="eval mode"):
        pixelcnn.typicality(model().train(), LEVELS, rows=1)


WRONG = [
    *(
        (ModelConfig, name, value)
        for name in ("height", "inner_dim", "levels")
        for value in (4.0, "4", True)
    ),
    *((ModelConfig, "freehand", value) for value in ("yes", 1)),
    *((TrainConfig, name, value) for name in ("epochs", "seed") for value in (1.5, "1", True)),
    *(
        (TrainConfig, name, value)
        for name in ("lr", "muon_lr", "grad_clip", "posterior")
        for value in (math.inf, math.nan, "1")
    ),
]


@pytest.mark.parametrize(("config", "name", "value"), WRONG)
def test_a_field_of_another_type_is_refused_as_in_json(config, name, value):
    with pytest.raises(ValueError, match=f"^{name} must be") as refused:
        config(**{name: value})
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("started", [0, 1])
def test_where_threads_cannot_start_nobody_waits(monkeypatch, started):
    """As where a container limits processes."""
    start, numbers = threading.Thread.start, iter(range(9))

    def limited(thread):
        if next(numbers) >= started:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    with pytest.raises((RuntimeError, threading.BrokenBarrierError)), one_thread_workers(3):
        pass


def test_a_class_of_probability_0_is_never_drawn():
    generator = torch.Generator().manual_seed(0)
    posterior = torch.rand(2_000, 10, generator=generator).softmax(-1)
    posterior[:, 7:] = 0
    posterior /= posterior.sum(-1, keepdim=True)
    last = torch.tensor(1 - 2**-24)  # the largest uniform of float32
    uniforms = lambda shape, _: last.expand(*shape)  # noqa: E731
    before, sampler._uniforms = sampler._uniforms, uniforms
    try:
        drawn = sampler._draw_classes(posterior, generator)
    finally:
        sampler._uniforms = before
    assert int(drawn.max()) < 7
