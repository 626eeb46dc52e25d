"""`examples/minimal.py` is the same model as the package, in one short file."""

from pathlib import Path

import pytest
import torch

from bench.reference import plain
from examples import minimal
from pixelcnn.sampling.draft import Draft
from pixelcnn.sampling.naive import draw_naive
from pixelcnn.sampling.sampler import Sampler
from tests.toys import (
    random_labels,
    random_levels,
    random_uniforms,
    toy_config,
    wild_model,
    write_mnist,
)

CONFIG = toy_config(num_classes=10, dilations=(1, 2))


@pytest.fixture(autouse=True)
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def test_it_is_short():
    assert len(Path(minimal.__file__).read_text().splitlines()) < 120


def test_its_nats_are_those_of_the_package():
    model = wild_model(CONFIG)
    levels, label = random_levels(CONFIG, 10), random_labels(CONFIG, 10)
    ours = -model.log_prob(levels, label).sum((1, 2, 3))
    torch.testing.assert_close(minimal.nats(plain(model), levels, label), ours)


def test_its_samples_are_those_of_the_package():
    model, label = wild_model(CONFIG), random_labels(CONFIG, 10)
    uniforms = random_uniforms(CONFIG, 10)
    levels = minimal.sample(plain(model), label, uniforms)
    assert 0.2 < levels.float().mean() < 0.8
    draft = Draft(levels=torch.zeros_like(levels), uniforms=uniforms, condition=label)
    assert levels.equal(draw_naive(model, draft)[0])
    assert levels.equal(Sampler(model).draw(draft)[0])


@pytest.mark.slow
def test_it_runs_from_data_to_digits(tmp_path, capsys):
    torch.set_default_dtype(torch.float32)
    generator = torch.Generator().manual_seed(0)
    for part, count in (("train", 40), ("t10k", 20)):
        images = torch.randint(256, (count, 28, 28), generator=generator).numpy()
        write_mnist(tmp_path, part, images, torch.arange(count).numpy() % 10)
    minimal.main(str(tmp_path), steps=3)
    first, *rows = capsys.readouterr().out.splitlines()
    assert 300 < float(first.split()[0]) < 800  # noise: 543 nats for one who knows nothing
    assert [len(row) for row in rows] == [2 * 2 * 28] * 28
