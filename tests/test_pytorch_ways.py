"""PyTorch's own ways with a model: changed weights, copies, processes, dtypes, wrappers, devices."""

import copy
import pickle
import subprocess
import sys

import pytest
import torch

import pixelcnn
from pixelcnn.data import datasets
from pixelcnn.data.datasets import Images, evaluation_levels, freehand_images
from pixelcnn.devices import pick_device
from pixelcnn.sampling.sampler import Sampler, check_seed
from tests.toys import toy_config, wild_model


@pytest.fixture
def model():
    return wild_model(toy_config(num_classes=3))


def same(a, b):
    return torch.equal(a.levels, b.levels) and torch.equal(a.log_prob, b.log_prob)


def changed_in_place(model):
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3)


def changed_behind_autograd(model):
    for p in model.parameters():
        p.data.mul_(0.5)


def other_weights(model):
    model.load_state_dict({name: value * 0.7 for name, value in model.state_dict().items()})


def other_dtype(model):
    model.double()


@pytest.mark.parametrize(
    "change", [changed_in_place, changed_behind_autograd, other_weights, other_dtype]
)
def test_a_sampler_draws_from_the_weights_as_they_are(model, change):
    sampler = Sampler(model)
    sampler.generate(2, seed=1)
    change(model)
    assert same(sampler.generate(4, seed=2), Sampler(model).generate(4, seed=2))


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_a_sampler_can_be_copied_and_pickled(model, way):
    sampler = Sampler(model)
    assert same(way(sampler).generate(3, seed=1), sampler.generate(3, seed=1))


FORKS = """
import os
from pixelcnn.sampling.sampler import check_seed
for _ in range(4):
    if os.fork() == 0:
        print(check_seed(None), flush=True)
        os._exit(0)
    os.wait()
"""


def test_forked_processes_draw_seeds_of_their_own():
    # From a fresh process: a fork of one with threads, as tests have them, may wait for a lock for ever.
    command = [sys.executable, "-c", FORKS]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    drawn = answer.stdout.split()
    assert len(drawn) == 4
    torch.manual_seed(5)
    first = check_seed(None)
    torch.manual_seed(5)
    assert check_seed(None) == first  # in one process PyTorch's seed decides
    assert len(set(drawn)) == len(drawn)


SIGNED = [torch.uint8, torch.int8, torch.int16, torch.int32]
UNSIGNED = [torch.uint16, torch.uint32, torch.uint64]


@pytest.mark.parametrize("dtype", UNSIGNED)
def test_integers_that_pytorch_hardly_knows_are_labels_and_refused_as_levels(model, dtype):
    drawn = Sampler(model).generate(3, label=1, seed=0)
    given = model.log_prob(drawn.levels, drawn.label.to(dtype))
    assert torch.equal(given, model.log_prob(drawn.levels, 1))
    sentence = rf"levels must be integers, got {dtype}: convert them by \.long\(\)\."
    with pytest.raises(ValueError, match=sentence):
        model.log_prob(drawn.levels.to(dtype), 1)


@pytest.mark.parametrize("dtype", SIGNED)
def test_integers_of_every_kind_are_levels_and_labels(model, dtype):
    drawn = Sampler(model).generate(3, label=1, seed=0)
    levels, label = drawn.levels.to(dtype), drawn.label.to(dtype)
    assert torch.equal(model.log_prob(levels, label), model.log_prob(drawn.levels, 1))
    assert torch.equal(
        pixelcnn.complete(model, levels, rows=2, label=label, seed=0).levels,
        pixelcnn.complete(model, drawn.levels, rows=2, label=1, seed=0).levels,
    )
    with pytest.raises(ValueError, match="levels must be 0 to"):
        model.log_prob(torch.full_like(levels, 100))


def test_a_wrapped_model_is_named_as_such(model):
    wrapped = torch.nn.DataParallel(model)
    for call in (
        lambda: Sampler(wrapped),
        lambda: pixelcnn.generate(wrapped, 1),
        lambda: pixelcnn.typicality(wrapped, torch.zeros(1, 1, 4, 4).long(), rows=1),
    ):
        with pytest.raises(ValueError, match=r"must be a PixelCNN, got DataParallel.*\.module"):
            call()


def test_a_device_without_float64_is_refused(monkeypatch):
    """As MPS is; sums of nats take float64."""
    empty = torch.empty

    def without_float64(*size, dtype=None, **options):
        if dtype == torch.float64:
            raise TypeError("no float64")
        return empty(*size, dtype=dtype, **options)

    monkeypatch.setattr(torch, "empty", without_float64)
    with pytest.raises(ValueError, match="cannot be used here: try cpu"):
        pick_device("cpu")


@pytest.mark.parametrize("elsewhere", ["meta"])
def test_a_default_device_changes_nothing(model, elsewhere):
    drawn = Sampler(model).generate(4, seed=3)

    def everything():
        return [
            pixelcnn.generate(model, 4, seed=3).levels,
            pixelcnn.complete(model, drawn.levels, rows=2, seed=3).levels,
            pixelcnn.digit_posterior(model, drawn.levels, rows=2),
            model.log_prob(drawn.levels),
            model.log_prob(drawn.levels, 1),
        ]

    expected = everything()
    torch.set_default_device(elsewhere)
    try:
        actual = everything()
    finally:
        torch.set_default_device(None)
    assert all(torch.equal(a, b) for a, b in zip(actual, expected, strict=True))


def test_evaluation_draws_on_the_cpu_whatever_the_device(monkeypatch):
    """So that a GPU measures the images that a CPU does."""
    made, generator = [], torch.Generator
    monkeypatch.setattr(
        datasets.torch, "Generator", lambda *device: made.append(device) or generator(*device)
    )
    greys = torch.zeros(2, 1, 28, 28, dtype=torch.uint8)
    greys[:, :, 8:20, 13:15] = 200
    images = Images(greys, torch.arange(2))
    evaluation_levels(images, 2, "stochastic", "test")
    freehand_images(images, "test")
    assert len(made) == 2
    assert all(device in ((), ("cpu",)) for device in made)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_measures_the_images_that_a_cpu_does():
    greys = torch.randint(256, (20, 1, 28, 28), dtype=torch.uint8)
    images, there = Images(greys, torch.arange(20)), Images(greys.cuda(), torch.arange(20).cuda())
    for some in (
        lambda i: evaluation_levels(i, 2, "stochastic", "test"),
        lambda i: freehand_images(i, "test").greys,
    ):
        assert some(there).device.type == "cuda"
        assert torch.equal(some(there).cpu(), some(images))
