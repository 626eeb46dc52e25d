"""What is no digit: the drawings, and the condition that is fitted to them."""

import copy

import pytest
import torch

from pixelcnn.data.datasets import Images
from pixelcnn.data.outliers import draw_outliers
from pixelcnn.density.outliers import mean_embeddings, outlier_log_prob
from pixelcnn.training.outliers import fit_outliers
from tests.toys import random_levels, toy_config, wild_model


def toy(architecture, **fields):
    small = {"num_classes": 3, "freehand": True, "height": 6, "width": 5}
    return wild_model(toy_config(architecture, "bernoulli", **small | fields), dtype=torch.float32)


def bars():
    """A stroke that lies for 0, one that stands for 1, a ring for 8."""
    greys = torch.zeros(3, 1, 28, 28, dtype=torch.uint8)
    greys[0, :, 12:16, 4:24] = 255
    greys[1, :, 4:24, 12:16] = 255
    greys[2, :, 4:24, 8:20] = 255
    greys[2, :, 8:20, 12:16] = 0
    return Images(greys, torch.tensor([0, 1, 8]))


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def test_outliers_follow_from_the_seed_and_have_ink():
    drawn = draw_outliers(bars(), 100, seeded(1))
    assert (drawn.shape, drawn.dtype) == ((100, 1, 28, 28), torch.uint8)
    assert drawn.equal(draw_outliers(bars(), 100, seeded(1)))
    assert not drawn.equal(draw_outliers(bars(), 100, seeded(2)))
    ink = (drawn >= 128).sum((1, 2, 3))
    assert (ink > 0).all()
    assert len(ink.unique()) > 30


def test_of_one_or_two_all_are_collages():
    ring = Images(bars().greys[2:], bars().labels[2:])  # with itself, and never on its side
    for count in (1, 2):
        ink = draw_outliers(ring, count, seeded(0)) >= 128
        assert ink.shape == (count, 1, 28, 28)
        assert all((side > 5).all() for side in (ink.any(2).sum((1, 2)), ink.any(3).sum((1, 2))))


@pytest.mark.parametrize("architecture", ["gated", "residual"])
@pytest.mark.parametrize("rows", [2, 6])
def test_the_embeddings_of_a_class_make_its_density(architecture, rows):
    model = toy(architecture)
    levels = random_levels(model.config, 30)[:, :, :rows]
    given = model.class_log_prob(levels, freehand=True)
    for label in range(3):
        embeddings = {name: model.state_dict()[name][3 + label] for name in mean_embeddings(model)}
        each = outlier_log_prob(model, levels, embeddings)
        torch.testing.assert_close(each, given[:, label], rtol=1e-5, atol=1e-5)


def test_what_is_fitted_is_more_probable_and_the_weights_stay():
    model = copy.deepcopy(toy("gated"))
    before = copy.deepcopy(model.state_dict())
    levels = random_levels(model.config, 40)
    levels[:] = levels[:1]
    fitted = fit_outliers(model, levels.split(4), precision="fp32")
    with torch.no_grad():
        nats = [
            -float(outlier_log_prob(model, levels[:1], embeddings).sum())
            for embeddings in (mean_embeddings(model), fitted)
        ]
    assert nats[1] < nats[0] - 0.1
    assert all(value.equal(before[name]) for name, value in model.state_dict().items())
    assert all(weight.requires_grad for weight in model.parameters())
    assert all(weight.grad is None for weight in model.parameters())


def test_a_model_that_is_told_nothing_learns_nothing():
    model = toy("gated", num_classes=0, freehand=False)
    assert fit_outliers(model, [random_levels(model.config, 2)]) == {}
