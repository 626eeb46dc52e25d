"""Which pixels the logits of a pixel depend on, by gradients in float64, against the masks on paper."""

import functools

import numpy as np
import pytest
import torch

from pixelcnn.config import DILATIONS, HORIZONTAL_DILATIONS, RESIDUAL_DILATIONS, ModelConfig
from pixelcnn.density.model import PixelCNN
from tests.toys import architectures, channels, likelihoods, random_levels, toy_config, wild_model

WIDTH = 18  # of images, so that the first layer does not reach from end to end
SEEDS = 4  # a ReLU may be off for one input and one set of weights, hardly for four of each


def shifted(seen, rows, columns):
    """What the pixel at this offset has seen. Shape (H, W, H, W); beyond the edges, nothing."""
    height, width = seen.shape[:2]
    result = np.zeros_like(seen)
    for i in range(height):
        for j in range(width):
            if 0 <= i + rows < height and 0 <= j + columns < width:
                result[i, j] = seen[i + rows, j + columns]
    return result


def through(seen, taps):
    """What a convolution of these taps, (row, column) offsets, has seen of the image."""
    return np.any([shifted(seen, *tap) for tap in taps], axis=0)


def pixels(height, width):
    """Every pixel has seen itself. Shape (H, W, H, W)."""
    return np.eye(height * width, dtype=bool).reshape(height, width, height, width)


def earlier(height, width):
    """Every pixel has seen all that come before it in raster order."""
    return np.tri(height * width, k=-1, dtype=bool).reshape(height, width, height, width)


def mask(kind, size):
    """The taps of a masked kernel: all rows above the centre, and what is left of it in its own."""
    r = size // 2
    above = [(i, j) for i in range(-r, 0) for j in range(-r, r + 1)]
    return above + [(0, j) for j in range(-r, 1 if kind == "B" else 0)]


@functools.cache
def visible_to_residual(height, width, dilations):
    seen = through(pixels(height, width), mask("A", 7))
    for d in dilations:
        seen = through(seen, [(d * i, d * j) for i, j in mask("B", 3)])
    return seen


@functools.cache
def visible_to_gated(height, width, dilations, horizontal_dilations):
    image = pixels(height, width)
    vertical = through(image, [(i, j) for i in (-3, -2, -1) for j in range(-3, 4)])
    for d in dilations:
        vertical = through(vertical, [(i, j) for i in (-d, 0) for j in (-d, 0, d)])
    horizontal = through(image, [(0, j) for j in range(-12, 0)])
    for d in horizontal_dilations:
        horizontal = through(horizontal, [(0, -d), (0, 0)]) | vertical
    return horizontal


def gradients(config, targets, seeds=range(SEEDS)):
    """Summed absolute gradients of the logits at each target. Shape (targets, C, H, W)."""
    rows, columns = torch.tensor(targets).T
    shape = (len(targets), config.height, config.width, config.in_channels)
    total = torch.zeros(shape, dtype=torch.float64)
    for seed in seeds:
        torch.manual_seed(seed)
        network = PixelCNN(config).double().network
        # One copy of a random image per target, so that a single backward pass serves them all.
        x = torch.randn(1, *shape[1:], dtype=torch.float64).repeat(len(targets), 1, 1, 1)
        x.requires_grad_()
        logits = network(x, None)[torch.arange(len(targets)), rows, columns]
        # Weighted at random, so that the logits of one pixel do not cancel.
        (logits * torch.randn_like(logits[:1])).sum().backward()
        total += x.grad.abs()
    return total.permute(0, 3, 1, 2)


def all_pixels(config):
    return [(i, j) for i in range(config.height) for j in range(config.width)]


@likelihoods
@channels
@pytest.mark.parametrize(
    ("architecture", "dilations"),
    [("gated", (1,)), ("gated", (1, 2)), ("residual", (1,)), ("residual", (1, 2))],
)
def test_logits_depend_on_exactly_the_visible_pixels(
    architecture, dilations, likelihood, in_channels
):
    config = toy_config(
        architecture,
        likelihood,
        in_channels=in_channels,
        dilations=dilations,
        horizontal_dilations=dilations,
        horizontal_dim=8,
        height=7,
        width=WIDTH,
        inner_dim=6,
    )
    seen = gradients(config, all_pixels(config)) != 0
    if architecture == "gated":
        visible = visible_to_gated(7, WIDTH, dilations, dilations)
    else:
        visible = visible_to_residual(7, WIDTH, dilations)
    assert not (visible & ~earlier(7, WIDTH)).any()
    for channel in seen.unbind(1):
        np.testing.assert_array_equal(channel.unflatten(0, (7, WIDTH)).numpy(), visible)


def seen_from(target, config):
    """Where the logits of one pixel have a gradient, (H, W), and how far up and right of it that is."""
    (seen,) = gradients(config, [target]) != 0
    up, right = np.ix_(target[0] - np.arange(config.height), np.arange(config.width) - target[1])
    return seen.any(0).numpy(), up, right


@pytest.mark.parametrize("column", [0, 12, 23])
@pytest.mark.parametrize("dilations", [(1,), (1, 2), (1, 1, 2)])
def test_gated_stacks_have_no_blind_spot(dilations, column):
    # Every earlier pixel is seen that lies as far up, and to either side, as the kernels add up to. To the
    # left the horizontal stack reaches further, as all but its first block pass on vertical features.
    config = toy_config(
        "gated",
        dilations=dilations,
        horizontal_dilations=dilations,
        horizontal_dim=8,
        height=9,
        width=24,
    )
    seen, up, right = seen_from((8, column), config)
    reach = 3 + sum(dilations)
    left = np.where(up == 0, 12 + sum(dilations), reach + sum(dilations[1:]))
    before = (up > 0) | ((up == 0) & (right < 0))
    np.testing.assert_array_equal(
        seen, before & (up <= reach) & (right <= reach) & (-right <= left)
    )


@pytest.mark.parametrize("column", [0, 9, 19])
@pytest.mark.parametrize("dilations", [(1,), (1, 1), (1, 2), (1, 2, 4), (1,) * 5])
def test_residual_blind_spot_lies_to_the_upper_right(dilations, column):
    # As above, but a way to the right only opens by going up: the type-A kernel reaches 3 to the right
    # from one row up, and each 3x3 kernel d more for d rows more.
    config = toy_config("residual", dilations=dilations, height=9, width=20, inner_dim=8)
    seen, up, right = seen_from((8, column), config)
    reach = 3 + sum(dilations)
    before = (up > 0) | ((up == 0) & (right < 0))
    within = before & (up <= reach) & (abs(right) <= reach)
    blind = right > 3 + (up - 1)
    np.testing.assert_array_equal(seen, within & ~blind)
    if column == 9:
        assert not seen[7, column + 4]  # the row above, four to the right
        assert seen[6, column + 4]  # one row further up


HARD = [
    (27, 27),  # the last pixel: all others come before it
    (27, 0),  # the last row's first, which only the vertical stack informs
    (27, 14),
    (14, 0),
    (14, 27),
    (13, 13),
    (2, 1),
    (1, 27),
    (1, 0),
    (0, 27),
    (0, 1),
    (0, 0),  # sees nothing
]


@likelihoods
@channels
def test_default_gated_network_sees_every_earlier_pixel(likelihood, in_channels):
    config = toy_config(
        "gated",
        likelihood,
        in_channels=in_channels,
        dilations=ModelConfig().dilations,
        horizontal_dilations=ModelConfig().horizontal_dilations,
        horizontal_dim=8,
        height=28,
        width=28,
    )
    seen = gradients(config, HARD, seeds=range(2)) != 0
    for (i, j), channels_seen in zip(HARD, seen, strict=True):
        for channel in channels_seen:
            np.testing.assert_array_equal(channel.numpy(), earlier(28, 28)[i, j], err_msg=(i, j))


def test_default_dilations_leave_no_pixel_unseen_on_paper():
    visible = visible_to_gated(28, 28, DILATIONS, HORIZONTAL_DILATIONS)
    np.testing.assert_array_equal(visible, earlier(28, 28))


@likelihoods
def test_default_depth_of_the_residual_network_sees_exactly_its_mask(likelihood):
    config = toy_config(
        "residual", likelihood, dilations=RESIDUAL_DILATIONS, height=28, width=28, inner_dim=8
    )
    targets = [(27, 27), (27, 0), (27, 14), (14, 14), (1, 20), (0, 0)]
    seen = gradients(config, targets) != 0
    visible = visible_to_residual(28, 28, RESIDUAL_DILATIONS)
    assert visible[27, 14, 0].any()  # from the last row to the first
    for (i, j), channels_seen in zip(targets, seen, strict=True):
        np.testing.assert_array_equal(channels_seen[0].numpy(), visible[i, j], err_msg=(i, j))


@architectures
def test_class_reaches_every_pixel(architecture):
    config = toy_config(architecture, num_classes=2, inner_dim=8)
    levels = random_levels(config, 4)
    models = [wild_model(config, seed=seed) for seed in range(SEEDS)]
    differ = torch.cat([model(levels, 0) != model(levels, 1) for model in models])
    assert differ.any(0).all()
