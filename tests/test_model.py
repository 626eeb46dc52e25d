import math

import numpy as np
import pytest
import torch

from pixelcnn.config import RESIDUAL_DILATIONS, ModelConfig
from pixelcnn.density.model import CHUNK, PixelCNN
from tests.toys import (
    all_images,
    architectures,
    channels,
    classes,
    exactly,
    likelihoods,
    random_labels,
    random_levels,
    toy_config,
    wild_model,
)

GATED = ModelConfig(num_classes=10)
RESIDUAL = ModelConfig(architecture="residual", dilations=RESIDUAL_DILATIONS)


def image_log_prob(model, levels, label=None):
    with torch.no_grad():
        return model.log_prob(levels, label).sum((1, 2, 3))


# The density


@architectures
@likelihoods
@classes
def test_probabilities_of_all_binary_images_sum_to_one(architecture, likelihood, num_classes):
    config = toy_config(
        architecture, likelihood, levels=2, height=3, width=3, num_classes=num_classes
    )
    model, images = wild_model(config), all_images(config)
    assert len(images) == 512
    for label in [None, *range(num_classes)]:
        log_prob = image_log_prob(model, images, label)
        assert log_prob.std() > 0.5  # far from uniform
        assert log_prob.exp().sum().item() == pytest.approx(1, abs=1e-12)


@architectures
def test_probabilities_of_all_three_level_two_channel_images_sum_to_one(architecture):
    config = toy_config(architecture, "categorical", in_channels=2, height=2, width=2)
    images = all_images(config)
    assert len(images) == 6561
    total = image_log_prob(wild_model(config), images).exp().sum()
    assert total.item() == pytest.approx(1, abs=1e-12)


@architectures
@likelihoods
@channels
@classes
def test_log_prob_is_that_of_the_likelihood_under_the_logits(
    architecture, likelihood, in_channels, num_classes
):
    config = toy_config(architecture, likelihood, in_channels=in_channels, num_classes=num_classes)
    model, levels, label = wild_model(config), random_levels(config, 3), random_labels(config, 3)
    logits = model(levels, label)
    assert logits.shape == (*levels.shape, 1 if likelihood == "bernoulli" else 3)
    if likelihood == "bernoulli":
        logits = torch.cat([torch.zeros_like(logits), logits], -1)
    expected = torch.distributions.Categorical(logits=logits).log_prob(levels)
    torch.testing.assert_close(model.log_prob(levels, label), expected)


@architectures
@likelihoods
@channels
@classes
def test_first_rows_alone_give_the_same_log_prob(
    architecture, likelihood, in_channels, num_classes
):
    config = toy_config(architecture, likelihood, in_channels=in_channels, num_classes=num_classes)
    model, levels, label = wild_model(config), random_levels(config, 3), random_labels(config, 3)
    for rows in range(1, config.height):
        expected = model.log_prob(levels, label)[:, :, :rows]
        torch.testing.assert_close(model.log_prob(levels[:, :, :rows], label), expected)


@pytest.mark.parametrize(
    ("likelihood", "dtype"),
    [
        ("bernoulli", torch.uint8),
        ("bernoulli", torch.int32),
        ("categorical", torch.uint8),
        ("categorical", torch.int32),
    ],
)
def test_levels_may_be_integers_of_any_width(likelihood, dtype):
    config = toy_config("gated", likelihood)
    model, levels = wild_model(config), random_levels(config, 3)
    torch.testing.assert_close(model.log_prob(levels.to(dtype)), model.log_prob(levels))


# The mixture over classes


@architectures
@likelihoods
@channels
def test_log_prob_without_label_follows_the_chain_rule_of_the_mixture(
    architecture, likelihood, in_channels
):
    config = toy_config(architecture, likelihood, in_channels=in_channels, num_classes=3)
    model, levels = wild_model(config), random_levels(config, 4)
    given = torch.stack([model.log_prob(levels, label) for label in range(3)], 1)
    # p(x_t | x_<t) is the mean of p(x_t | x_<t, y) under p(y | x_<t), which each sub-pixel then updates.
    posterior = torch.full((4, 3), 1 / 3, dtype=torch.float64)
    expected = torch.empty(levels.shape, dtype=torch.float64)
    for i in range(config.height):
        for j in range(config.width):
            for channel in range(in_channels):
                joint = posterior * given[:, :, channel, i, j].exp()
                expected[:, channel, i, j] = joint.sum(1).log()
                posterior = joint / joint.sum(1, keepdim=True)
    torch.testing.assert_close(model.log_prob(levels), expected)


@architectures
@likelihoods
@channels
def test_image_log_prob_without_label_is_the_mean_probability_over_classes(
    architecture, likelihood, in_channels
):
    config = toy_config(architecture, likelihood, in_channels=in_channels, num_classes=3)
    model, levels = wild_model(config), random_levels(config, 40)
    assert 3 * len(levels) > CHUNK  # so that more than one pass is put together
    given = torch.stack([image_log_prob(model, levels, label) for label in range(3)])
    assert given.std(0).min() > 0.1  # the class matters
    expected = given.logsumexp(0) - math.log(3)
    torch.testing.assert_close(image_log_prob(model, levels), expected)
    torch.testing.assert_close(model.class_log_prob(levels).sum((2, 3, 4)), given.T)


@architectures
def test_label_may_be_one_for_all_or_one_for_each(architecture):
    config = toy_config(architecture, num_classes=3)
    model, levels = wild_model(config), random_levels(config, 3)
    by_tensor = model.log_prob(levels, torch.tensor([2, 0, 1]))
    for k, label in enumerate([2, 0, 1]):
        torch.testing.assert_close(by_tensor[k : k + 1], model.log_prob(levels[k : k + 1], label))
    assert model.log_prob(levels, 1).equal(model.log_prob(levels, torch.tensor(1)))


# What it is built from


@architectures
def test_class_embeddings_start_at_zero(architecture):
    torch.manual_seed(0)
    config = toy_config(architecture, num_classes=3)
    model, levels = PixelCNN(config), random_levels(config, 3)
    weights = [p for name, p in model.named_parameters() if "embedding" in name]
    stacks = 2 if architecture == "gated" else 1  # their toys have the same dilations
    assert len(weights) == stacks * len(config.dilations)
    assert all(weight.eq(0).all() for weight in weights)
    assert model(levels, 0).equal(model(levels, 2))


@architectures
def test_dropout_acts_in_training_alone(architecture):
    torch.manual_seed(0)
    config = toy_config(architecture, dropout=0.5)
    model, levels = PixelCNN(config), random_levels(config, 3)
    assert not model(levels).equal(model(levels))
    model.eval()
    assert model(levels).equal(model(levels))


@pytest.mark.parametrize("config", [GATED, RESIDUAL], ids=["gated", "residual"])
def test_every_weight_of_the_defaults_receives_a_gradient(config):
    # Smaller images have the same weights; they must be wide enough for the largest dilation.
    config = ModelConfig(**(config.__dict__ | {"height": 12, "width": 12}))
    torch.manual_seed(0)
    model = PixelCNN(config)
    levels, label = random_levels(config, 10), random_labels(config, 10)
    model.log_prob(levels, label).sum().backward()
    masks = {f"{name}.weight": m.mask for name, m in model.named_modules() if hasattr(m, "mask")}
    assert bool(masks) == (config.architecture == "residual")
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        hit = parameter.grad != 0
        if name in masks:
            hit |= masks[name] == 0
        # A few units of a ReLU may be off for all the noise that was shown.
        assert hit.float().mean() > 0.8, name


def test_default_gated_model_has_the_stated_number_of_parameters():
    d, e, n = 64, 32, 10
    vertical = 8 * (6 * d * 2 * d + 2 * d + d * d + n * 2 * d)  # kernel, A, classes
    horizontal = 4 * (
        2 * e * 2 * e + 2 * e + d * 2 * e + e * e + n * 2 * e
    )  # kernel, L, R, classes
    first = 3 * 7 * d + d + 2 * d + 12 * e + e  # kernels, place
    head = (e + 1) * 2 * e + 2 * e + 1
    model = PixelCNN(GATED)
    count = sum(p.numel() for p in model.parameters())
    assert count == first + vertical + horizontal + head


def test_default_residual_model_has_the_stated_number_of_parameters():
    d, blocks = 64, 9
    first = 49 * 2 * d + 2 * d + 2 * 2 * d  # and the coordinates
    block = (2 * d + 1) * d + (9 * d + 1) * d + (d + 1) * 2 * d
    head = (2 * d + 1) * 32 + 32 + 1
    model = PixelCNN(RESIDUAL)
    count = sum(p.numel() for p in model.parameters())
    assert count == first + blocks * block + head == 492_353
    assert count == pytest.approx(0.49e6, rel=0.01)


# What it refuses


@pytest.mark.parametrize(
    "shape", [(2, 4, 5), (2, 1, 5, 5), (2, 1, 4, 4), (2, 2, 4, 5), (1, 2, 1, 4, 5)]
)
def test_levels_of_another_shape_are_refused(shape):
    model = PixelCNN(toy_config())
    sentence = f"levels must have shape (B, 1, 4, 5), got {shape}."
    with pytest.raises(ValueError, match=exactly(sentence)):
        model.log_prob(torch.zeros(shape, dtype=torch.long))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bool])
def test_levels_that_are_not_integers_are_refused(dtype):
    model = PixelCNN(toy_config())
    with pytest.raises(ValueError, match=exactly(f"levels must be integers, got {dtype}.")):
        model.log_prob(torch.zeros(2, 1, 4, 5, dtype=dtype))


def test_levels_that_are_no_tensor_are_refused():
    sentence = exactly("levels must be a tensor of integers, got ndarray.")
    with pytest.raises(ValueError, match=sentence):
        PixelCNN(toy_config()).log_prob(np.zeros((2, 1, 4, 5), dtype=np.int64))


@pytest.mark.parametrize("wrong", [-1, 3, 255])
def test_levels_out_of_range_are_refused(wrong):
    config = toy_config("gated", "categorical")
    levels = torch.ones(2, 1, 4, 5, dtype=torch.long)
    levels[1, 0, 2, 3] = wrong
    sentence = f"levels must be 0 to 2, got {min(1, wrong)} to {max(1, wrong)}."
    with pytest.raises(ValueError, match=exactly(sentence)):
        PixelCNN(config).log_prob(levels)


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        (3, "label must be 0 to 2, got 3."),
        (-1, "label must be 0 to 2, got -1."),
        (torch.tensor([0, 7]), "label must be 0 to 2, got 7."),
        (torch.tensor([-2, 7]), "label must be 0 to 2, got -2."),
        (torch.tensor([0, 1, 2]), "label must be one integer or (2,), got (3,)."),
        (torch.zeros(2, 1, dtype=torch.long), "label must be one integer or (2,), got (2, 1)."),
        (1.0, "label must be an integer, got torch.float32."),
        (True, "label must be an integer, got torch.bool."),
        ("2", "label must be an integer, got '2'."),
        (None, "This model needs a label, 0 to 2."),
    ],
)
def test_label_must_be_a_class(label, sentence):
    config = toy_config(num_classes=3)
    with pytest.raises(ValueError, match=exactly(sentence)):
        PixelCNN(config)(random_levels(config, 2), label)


def test_model_without_classes_takes_no_label():
    config = toy_config()
    sentence = "This model has no classes: label must be None."
    with pytest.raises(ValueError, match=exactly(sentence)):
        PixelCNN(config).log_prob(random_levels(config, 2), 0)


@architectures
@likelihoods
@pytest.mark.parametrize("given", [1, 2, 4])
@pytest.mark.parametrize("blank", [0, 1, 2, 4])
def test_class_log_prob_is_that_of_each_class(architecture, likelihood, blank, given):
    config = toy_config(architecture, likelihood, num_classes=3)
    model, levels = wild_model(config), random_levels(config, 4)[:, :, :given]
    levels[:, :, :blank] = 0
    with torch.no_grad():
        each = model.class_log_prob(levels)
    for label in range(3):
        torch.testing.assert_close(each[:, label], model.log_prob(levels, label).detach())


@architectures
def test_two_hands_are_two_densities(architecture):
    config = toy_config(architecture, num_classes=3, freehand=True, height=3, width=2)
    model, images = wild_model(config), all_images(config)
    for freehand in (False, True):
        probability = model.log_prob(images, freehand=freehand).sum((1, 2, 3)).exp()
        assert probability.sum().item() == pytest.approx(1)
    assert not model.log_prob(images).allclose(model.log_prob(images, freehand=True))


def test_hands_may_differ_within_a_batch():
    config = toy_config(num_classes=3, freehand=True)
    model, levels = wild_model(config), random_levels(config, 4)
    both = model(levels, 1, freehand=torch.tensor([True, False, True, False]))
    torch.testing.assert_close(both[::2], model(levels[::2], 1, freehand=True))
    torch.testing.assert_close(both[1::2], model(levels[1::2], 1))


def test_a_model_of_one_hand_refuses_the_other():
    model = wild_model(toy_config(num_classes=3))
    sentence = "This model knows MNIST's hand only: freehand must be False."
    with pytest.raises(ValueError, match=exactly(sentence)):
        model.log_prob(random_levels(model.config, 1), freehand=True)


@pytest.mark.parametrize("freehand", [2, None, "yes", torch.tensor([2, 0])])
def test_a_hand_is_one_of_two(freehand):
    model = wild_model(toy_config(num_classes=3, freehand=True))
    sentence = exactly(f"freehand must be True or False, got {freehand!r}.")
    with pytest.raises(ValueError, match=sentence):
        model.log_prob(random_levels(model.config, 2), 1, freehand=freehand)


def test_a_model_of_two_hands_needs_no_classes():
    config = toy_config(freehand=True)
    model, levels = wild_model(config), random_levels(config, 2)
    assert not model.log_prob(levels).allclose(model.log_prob(levels, freehand=True))
