"""The layers against plain convolutions, and the networks' row forms against their dense ones."""

import copy
import math
import os
import subprocess
import sys
import warnings

import pytest
import torch
import torch.nn.functional as F

import pixelcnn
from pixelcnn.density.blocks import HorizontalBlock, ResidualBlock, VerticalBlock
from pixelcnn.density.layers import CausalConv2d, FeatureDropout, MaskedConv2d, gate
from pixelcnn.sampling import gated_rows
from pixelcnn.sampling.draft import Draft
from pixelcnn.sampling.naive import draw_naive
from pixelcnn.sampling.rows import row_weights, start_rows
from pixelcnn.sampling.sampler import Sampler
from pixelcnn.sampling.scripted import scripted
from tests.toys import (
    architectures,
    channels,
    classes,
    likelihoods,
    random_labels,
    random_levels,
    random_uniforms,
    toy_config,
    wild_model,
)


def noise(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def plain(x, weight, bias, *, padding, dilation=1):
    """An ordinary convolution, channels last."""
    y = F.conv2d(x.permute(0, 3, 1, 2), weight, bias, padding=padding, dilation=dilation)
    return y.permute(0, 2, 3, 1)


def taps(row, count, width):
    """What a kernel of one row reads of (W, B, D), padded, side by side: (width, B, count * D)."""
    return torch.cat([row[t : t + width] for t in range(count)], -1)


# Layers


@pytest.mark.parametrize(
    ("kind", "size", "taps_kept"),
    [
        ("A", 3, ["111", "100", "000"]),
        ("B", 3, ["111", "110", "000"]),
        ("A", 5, ["11111", "11111", "11000", "00000", "00000"]),
        ("B", 5, ["11111", "11111", "11100", "00000", "00000"]),
    ],
)
def test_masks_keep_the_taps_of_the_paper(kind, size, taps_kept):
    mask = MaskedConv2d(kind, 2, 3, size).mask.expand(3, 2, -1, -1)
    expected = torch.tensor([[float(tap) for tap in row] for row in taps_kept])
    assert mask.equal(expected.expand(3, 2, -1, -1))


def as_kernel(conv):
    """The weight of a `CausalConv2d` as PyTorch has it, (out, in, rows, columns)."""
    return conv.weight.unflatten(1, (*conv.kernel_size, -1)).permute(0, 3, 1, 2)


@pytest.mark.parametrize("kind", ["A", "B"])
@pytest.mark.parametrize(("size", "d"), [(3, 1), (7, 1), (3, 2), (3, 4)])
def test_masked_convolution_is_a_plain_one_of_the_masked_kernel(kind, size, d):
    conv, x = MaskedConv2d(kind, 2, 3, size, dilation=d).double(), noise(2, 5, 6, 2)
    before = conv.weight.clone()
    expected = plain(x, conv.weight * conv.mask, conv.bias, padding=size // 2 * d, dilation=d)
    torch.testing.assert_close(conv(x), expected)
    assert conv.weight.equal(before)  # the mask multiplies the weight and never overwrites it


@pytest.mark.parametrize("kind", ["A", "B"])
def test_split_kernel_adds_up_to_the_masked_convolution(kind):
    conv, x, r = MaskedConv2d(kind, 2, 3, 7).double(), noise(2, 5, 6, 2), 3
    above, left = conv.matrices()
    padded = F.pad(x, (0, 0, r, r, r, 0)).permute(1, 2, 0, 3)  # rows and columns first
    for i in range(5):
        rows = torch.cat([taps(padded[i + k], 7, 6) for k in range(r)], -1)
        own = taps(padded[i + r], left.shape[1] // 2, 6)
        y = rows @ above.T + own @ left.T + conv.bias
        torch.testing.assert_close(y.transpose(0, 1), conv(x)[:, i])


def test_vertical_crop_is_the_part_of_a_7x7_kernel_above_the_centre():
    conv, x = CausalConv2d(2, 3, (3, 7), pad=(3, 3, 3)).double(), noise(2, 5, 9, 2)
    kernel = F.pad(as_kernel(conv), (0, 0, 0, 4))
    torch.testing.assert_close(conv(x), plain(x, kernel, conv.bias, padding=3))


def test_horizontal_crop_is_the_part_of_a_7x7_kernel_left_of_the_centre():
    conv, x = CausalConv2d(2, 3, (1, 3), pad=(3, 0, 0)).double(), noise(2, 5, 9, 2)
    kernel = F.pad(as_kernel(conv), (0, 4, 3, 3))
    torch.testing.assert_close(conv(x), plain(x, kernel, conv.bias, padding=3))


@pytest.mark.parametrize("dilation", [1, 2, 4])
def test_vertical_block_follows_its_formula(dilation):
    d, D = dilation, 3
    block = VerticalBlock(D, d, 2, 0.0).double()
    torch.nn.init.normal_(block.embedding.weight)
    v, condition = noise(2, 5, 6, D), torch.tensor([1, 0])
    e = block.embedding(condition)[:, None, None]
    # A crop of a 3x3 kernel: without the row below.
    kernel = F.pad(as_kernel(block.conv), (0, 0, 0, 1))
    x = plain(v, kernel, block.conv.bias, padding=d, dilation=d) + e
    expected = v + (x[..., :D] * x[..., D:].sigmoid()) @ block.out.weight.T
    torch.testing.assert_close(block(v, condition), expected)


@pytest.mark.parametrize("dilation", [1, 2, 4])
def test_horizontal_block_follows_its_formula(dilation):
    d, D = dilation, 3
    block = HorizontalBlock(D, 4, d, 2, 0.0).double()
    torch.nn.init.normal_(block.embedding.weight)
    h, v, condition = noise(2, 5, 6, D), noise(2, 5, 6, 4), torch.tensor([1, 0])
    e = block.embedding(condition)[:, None, None]
    # A crop of a 3x3 kernel: without all but the left and the centre.
    kernel = F.pad(as_kernel(block.conv), (0, 1, 1, 1))
    x = plain(h, kernel, block.conv.bias, padding=d, dilation=d) + v @ block.link.weight.T + e
    expected = h + (x[..., :D] * x[..., D:].sigmoid()) @ block.out.weight.T
    torch.testing.assert_close(block(h, v, condition), expected)


@pytest.mark.parametrize("dilation", [1, 2])
def test_residual_block_follows_its_formula(dilation):
    block = ResidualBlock(3, dilation, 2, 0.0).double()
    assert block.conv.dilation == (dilation, dilation)
    torch.nn.init.normal_(block.embedding.weight)
    a, label = noise(2, 5, 6, 6), torch.tensor([1, 0])
    e = block.embedding(label)[:, None, None]
    expected = a + block.up((block.conv(block.down(a.relu()).relu()) + e).relu())
    narrow, result = block(a, label)
    torch.testing.assert_close(narrow, block.down(a.relu()).relu())
    torch.testing.assert_close(result, expected)


def test_gate_multiplies_one_half_with_the_sigmoid_of_the_other():
    x = torch.tensor([[3.0, 2.0, 0.0, 1.0]])
    expected = torch.tensor([[3 * 0.5, 2 / (1 + math.exp(-1))]])
    torch.testing.assert_close(gate(x), expected)


def test_dropout_takes_whole_features_of_an_image_and_scales_the_others():
    torch.manual_seed(0)
    dropout = FeatureDropout(0.25)
    y = dropout(torch.ones(50, 3, 4, 40))
    assert torch.equal(y, y[:, :1, :1].expand_as(y))
    assert y.unique().tolist() == pytest.approx([0, 4 / 3])
    assert (y == 0).float().mean() == pytest.approx(0.25, abs=0.04)
    assert torch.equal(dropout.eval()(torch.ones(2, 3)), torch.ones(2, 3))


# Networks in parts


@architectures
@pytest.mark.parametrize("class_from", [0, 1, 3])
@torch.no_grad()
def test_network_takes_several_conditions_of_each_image(architecture, class_from):
    config = toy_config(architecture, num_classes=3, dilations=(1, 2, 4), class_from=class_from)
    network, x = wild_model(config).network, noise(2, 4, 5, 1)
    label = torch.tensor([0, 1, 2, 2, 1, 0])
    one_by_one = network(x.repeat_interleave(3, 0), label)
    assert not one_by_one[0].allclose(one_by_one[1])
    torch.testing.assert_close(network(x, label), one_by_one)


@architectures
@likelihoods
@classes
@channels
@pytest.mark.parametrize("given", [0, 1, 3, 5])
@torch.no_grad()
def test_row_form_equals_dense_form(architecture, likelihood, num_classes, in_channels, given):
    config = toy_config(
        architecture,
        likelihood,
        num_classes=num_classes,
        in_channels=in_channels,
        height=6,
        dilations=(1, 2, 4, 8),
    )
    network, label = wild_model(config).network, random_labels(config, 3)
    x = noise(3, 6, 5, in_channels)
    dense = network(x, label)
    sweep = start_rows(row_weights(network), x[:, :given], label, 6)
    for i in range(given, 6):
        sweep.prepare_row()
        row = x[:, i].transpose(0, 1)
        torch.testing.assert_close(sweep.row(row).transpose(0, 1), dense[:, i])
        sweep.push(row)


@architectures
@classes
@pytest.mark.parametrize("given", [0, 2])
@torch.no_grad()
def test_row_form_takes_any_guess_for_any_part_of_the_batch(architecture, num_classes, given):
    # As the sampler uses it: many guesses of one row, of those images that still change.
    config = toy_config(architecture, num_classes=num_classes)
    network, label = wild_model(config).network, random_labels(config, 3)
    x = noise(3, 4, 5, 1)
    sweep = start_rows(row_weights(network), x[:, :given], label, 4)
    for i in range(given, 4):
        sweep.prepare_row()
        row = x[:, i].transpose(0, 1)
        for images in torch.tensor([0, 1, 2]), torch.tensor([2, 0]), torch.tensor([1]):
            for guess in (torch.zeros_like(row), row.flip(0)):
                changed = x.clone()
                changed[:, i] = guess.transpose(0, 1)
                dense = network(changed, label)[images, i]
                logits = sweep.row(guess[:, images], images)
                torch.testing.assert_close(logits.transpose(0, 1), dense)
        # Each image ends with its own last guess, some in a pass of all, some in one of a part.
        sweep.row(torch.stack([row[:, 0], torch.zeros_like(row[:, 1]), row[:, 2]], 1))
        sweep.row(row[:, 1:2], torch.tensor([1]))
        sweep.push(row)


@architectures
def test_a_new_sampler_follows_weights_that_change(architecture):
    model = copy.deepcopy(wild_model(toy_config(architecture)))
    draft = Draft(
        levels=random_levels(model.config, 5),
        uniforms=random_uniforms(model.config, 5),
        condition=None,
    )
    drawn = []
    for change in (
        lambda p: p,
        lambda p: p.data.mul_(1.5),
        lambda p: setattr(p, "data", p.data * 0.5),
    ):
        for parameter in model.parameters():
            change(parameter)
        drawn.append(Sampler(model).draw(draft)[0])
        assert drawn[-1].equal(draw_naive(model, draft)[0])
    assert not drawn[0].equal(drawn[1])


@pytest.mark.parametrize("category", [DeprecationWarning, FutureWarning])
def test_scripting_does_not_warn_in_any_version_of_pytorch(category, monkeypatch):
    def script(function):
        warnings.warn("`torch.jit.script` is deprecated.", category, stacklevel=2)
        return function

    monkeypatch.setattr(torch.jit, "script", script)
    assert scripted(gate) is gate


PRINT_ROWS = "from tests import test_layers as t; print(t.rows_are_scripted(), t.draw_toys())"


def rows_are_scripted():
    return isinstance(gated_rows._vertical, torch.jit.ScriptFunction)


def draw_toys():
    """Digits by the rows of either architecture."""
    models = [wild_model(toy_config(name)) for name in ("gated", "residual")]
    return [pixelcnn.generate(model, 8, seed=0).levels.tolist() for model in models]


@pytest.mark.slow
def test_rows_are_the_same_as_script_and_as_python():
    assert rows_are_scripted()
    by_python = subprocess.run(
        [sys.executable, "-c", PRINT_ROWS],
        env={**os.environ, "PYTORCH_JIT": "0"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert by_python == f"False {draw_toys()}\n"


@pytest.mark.parametrize("shape", [(0, 3, 4, 6), (1, 1, 1, 2), (2, 3, 4, 6)])
def test_the_gate_of_training_is_the_gate(shape):
    """Of no image, and of a single pixel, too, where the halves are contiguous."""
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    before = x.detach().clone()
    torch.testing.assert_close(gate(x), gate(before))
    assert torch.autograd.gradcheck(gate, x)
    assert x.detach().equal(before)
