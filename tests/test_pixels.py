import pytest
import torch

from pixelcnn.data.pixels import THRESHOLD, binarize_stochastic, quantize, to_greys, to_input

GREYS = torch.arange(256, dtype=torch.uint8)


def test_quantize_is_exact_for_every_grey_and_number_of_levels():
    for count in range(2, 257):
        levels = quantize(GREYS, count)
        assert levels.dtype == torch.int64
        assert levels.tolist() == [grey * count // 256 for grey in range(256)], count


def test_two_levels_are_the_threshold():
    assert quantize(torch.tensor([THRESHOLD - 1, THRESHOLD], dtype=torch.uint8), 2).tolist() == [
        0,
        1,
    ]
    assert quantize(GREYS, 2).tolist() == [0] * 128 + [1] * 128


def test_quantize_keeps_the_shape():
    greys = GREYS.reshape(2, 1, 8, 16)
    assert quantize(greys, 256).equal(greys.long())


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.bool])
def test_greys_must_be_uint8(dtype):
    sentence = rf"^greys must be uint8 \(0 to 255\), got {dtype}\.$"
    with pytest.raises(TypeError, match=sentence):
        quantize(torch.zeros(3, dtype=dtype), 2)
    with pytest.raises(TypeError, match=sentence):
        binarize_stochastic(torch.zeros(3, dtype=dtype), torch.Generator())


@pytest.mark.parametrize("count", [1, 257])
def test_quantize_says_how_many_levels_there_may_be(count):
    with pytest.raises(ValueError, match=rf"^levels must be 2 to 256, got {count}\.$"):
        quantize(GREYS, count)


def test_stochastic_ink_is_exact_at_the_ends():
    # 200,000 of each: a probability of ink that is off by 1/256 could not pass.
    ends = torch.tensor([0, 255], dtype=torch.uint8)
    ink = binarize_stochastic(ends.repeat(200_000, 1), torch.Generator().manual_seed(0))
    assert ink.dtype == torch.int64
    assert ink[:, 0].max() == 0
    assert ink[:, 1].min() == 1


def test_stochastic_ink_is_as_frequent_as_the_grey_says():
    count = 4000
    ink = binarize_stochastic(GREYS.repeat(count, 1), torch.Generator().manual_seed(0))
    p = torch.arange(256) / 255
    standard = (p * (1 - p) / count).sqrt()
    error = (ink.double().mean(0) - p).abs()[1:-1] / standard[1:-1]
    assert error.max() < 5
    # Over all greys the errors average out, so that a slant of 1/255 would show here.
    assert abs(ink.double().mean() - 0.5) < 5 * 0.41 / (256 * count) ** 0.5


def test_stochastic_ink_follows_its_generator():
    greys = GREYS.repeat(10, 1)
    first = binarize_stochastic(greys, torch.Generator().manual_seed(3))
    assert first.equal(binarize_stochastic(greys, torch.Generator().manual_seed(3)))
    assert not first.equal(binarize_stochastic(greys, torch.Generator().manual_seed(4)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_input_runs_from_minus_one_to_one_in_equal_steps(dtype):
    for count in range(2, 257):
        x = to_input(torch.arange(count), count, dtype)
        assert x.dtype == dtype
        assert x[0] == -1
        torch.testing.assert_close(
            x, torch.linspace(-1, 1, count, dtype=dtype), rtol=1e-6, atol=1e-6
        )


def test_greys_are_the_nearest_to_equal_steps():
    for count in range(2, 257):
        greys = to_greys(torch.arange(count), count)
        assert greys.dtype == torch.uint8
        assert greys[0] == 0
        assert greys[-1] == 255
        error = greys.long() * (count - 1) - 255 * torch.arange(count)
        assert (2 * error.abs()).max() <= count - 1, count


@pytest.mark.parametrize("count", [2, 4, 8, 16, 32, 64, 128, 256])
def test_greys_of_levels_quantize_to_the_same_levels(count):
    # Powers of two; with 28 levels, level 1 is shown as grey 9, which quantizes to 0.
    levels = torch.arange(count)
    assert quantize(to_greys(levels, count), count).equal(levels)
