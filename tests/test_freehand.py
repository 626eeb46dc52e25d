import os
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from pixelcnn.data.datasets import load_images
from pixelcnn.data.freehand import Hand, draw, random_hands, trace
from pixelcnn.data.freehand.strokes import thin
from pixelcnn.data.pixels import quantize


def bar(height: int = 28, width: int = 28) -> torch.Tensor:
    """An upright stroke of 3 pixels, all but 4 rows high."""
    greys = torch.zeros(1, 1, height, width, dtype=torch.uint8)
    greys[:, :, 2:-2, width // 2 - 1 : width // 2 + 2] = 255
    return greys


def ring(size: int = 28) -> torch.Tensor:
    """A zero: 20 pixels wide, of a stroke of 3 pixels."""
    place = torch.arange(size) - (size - 1) / 2
    distance = torch.hypot(place[:, None], place[None])
    return (255 * (2 - (distance - 8.5).abs()).clamp(0, 1)).to(torch.uint8)[None, None]


def ticks(count: int) -> torch.Tensor:
    """Digits of a kind: a bar with a flag of another length each."""
    greys = bar().repeat(count, 1, 1, 1)
    for k in range(count):
        greys[k, :, 2:5, 15 : 17 + k % 8] = 255
    return greys


def ink(greys: torch.Tensor) -> torch.Tensor:
    return greys[:, 0] >= 128


def parts(mask: torch.Tensor) -> int:
    """Parts of a mask (H, W), each of neighbours in the eight directions."""
    label = torch.arange(1, mask.numel() + 1.0).view(1, *mask.shape) * mask
    for _ in range(150):  # steps, more than the longest way
        label = F.max_pool2d(label, 3, 1, 1) * mask
    return len(label[0][mask].unique())


def holes(mask: torch.Tensor) -> int:
    """Holes in a mask (H, W): what is blank in the four directions falls apart into them and the outside."""
    blank = F.pad(~mask, (1, 1, 1, 1), value=True)
    label = torch.arange(1, blank.numel() + 1.0).view(1, *blank.shape) * blank
    for _ in range(150):
        across, down = (
            F.max_pool2d(label, (1, 3), 1, (0, 1)),
            F.max_pool2d(label, (3, 1), 1, (1, 0)),
        )
        label = torch.maximum(across, down) * blank
    return len(label[0][blank].unique()) - 1


def assert_on_the_pad(greys, strokes, hand, tolerance=1):
    """A digit that has lost ink at a border has more of it a pixel away from there."""

    def amount(hand):
        return ink(draw(greys, strokes, hand)).sum((1, 2))

    drawn = amount(hand)
    assert (drawn > 0).all()
    for step in (-1, 1):
        assert (
            amount(replace(hand, shift_x=hand.shift_x + step)) <= drawn + tolerance
        ).all()  # of rounding
        assert (amount(replace(hand, shift_y=hand.shift_y + step)) <= drawn + tolerance).all()


def test_the_generator_alone_decides_what_is_drawn():
    greys = ticks(8)
    strokes = trace(greys)

    def drawn(seed):
        return draw(
            greys, strokes, random_hands(greys, strokes, torch.Generator().manual_seed(seed))
        )

    assert torch.equal(drawn(0), drawn(0))
    assert not torch.equal(drawn(0), drawn(1))


def test_a_digit_is_drawn_alike_alone_and_among_others():
    greys = torch.cat([ring(), *ticks(3).split(1)])
    strokes = trace(greys)
    hand = random_hands(greys, strokes, torch.Generator().manual_seed(3))
    together = draw(greys, strokes, hand)
    for k in range(4):
        index = torch.tensor([k])
        alone = draw(greys[index], trace(greys[index]), hand[index])
        assert (alone.int() - together[index].int()).abs().max() <= 1  # of rounding


def test_the_plain_hand_leaves_digits_as_they_are():
    greys = torch.cat([ring(), bar()])
    assert torch.equal(draw(greys, trace(greys), Hand.plain(2)), greys)


@pytest.mark.parametrize("size", [(28, 28), (20, 36)])
def test_all_ink_of_random_hands_is_on_the_pad(size):
    greys = bar(*size).repeat(64, 1, 1, 1)
    greys[::2, :, 4:6, 4:-4] = 255  # half of them are crosses that fill the pad
    strokes = trace(greys)
    assert_on_the_pad(
        greys, strokes, random_hands(greys, strokes, torch.Generator().manual_seed(0))
    )


def test_random_hands_go_everywhere_and_large():
    greys = ring().repeat(400, 1, 1, 1)
    strokes = trace(greys)
    hand = random_hands(greys, strokes, torch.Generator().manual_seed(0))
    assert hand.redrawn.float().mean().item() == pytest.approx(0.5, abs=0.08)
    assert (hand.cut_radius > 0).float().mean().item() == pytest.approx(0.12, abs=0.05)
    drawn = ink(draw(greys, strokes, hand))
    for side in (0, 1):
        assert drawn.any(0).any(side).all()  # to all four sides of the pad
    heights = drawn.any(2).sum(1)
    assert heights.min() <= 13
    assert (heights >= 26).float().mean() > 0.15
    assert (hand.scale_x / hand.scale_y).log().abs().max() < 0.15


@pytest.mark.parametrize("redrawn", [False, True])
def test_scales_and_shifts_are_as_asked(redrawn):
    greys = ring()  # rows and columns 4 to 23
    hand = Hand.plain(1, scale_x=0.6, scale_y=1.2, shift_x=4, redrawn=redrawn, pen=3)
    drawn = ink(draw(greys, trace(greys), hand))[0]
    rows, columns = drawn.any(1).nonzero()[:, 0], drawn.any(0).nonzero()[:, 0]
    assert len(rows) == pytest.approx(1.2 * 20, abs=1)
    assert len(columns) == pytest.approx(
        0.6 * 20, abs=1 if not redrawn else 2
    )  # the pen stays round
    assert columns.float().mean().item() == pytest.approx(13.5 + 4, abs=0.6)
    assert rows.float().mean().item() == pytest.approx(13.5, abs=0.6)


def test_slant_and_rotation_lean_to_the_right():
    greys = bar()
    for change in ({"slant": 0.3}, {"rotation": 0.3}):
        for redrawn in (False, True):
            drawn = draw(greys, trace(greys), Hand.plain(1, redrawn=redrawn, pen=3.0, **change))
            upper, lower = (
                ink(part)[0].nonzero()[:, 1].float().mean() for part in drawn.split(14, 2)
            )
            assert upper - lower == pytest.approx(12 * 0.3, abs=0.8)


@pytest.mark.parametrize("pen", [1.0, 2.25, 3.5, 5.0])
def test_a_straight_stroke_is_as_wide_as_the_pen(pen):
    greys = bar()
    drawn = draw(greys, trace(greys), Hand.plain(1, redrawn=True, pen=pen))[0, 0, 10:18]
    assert (drawn.float() / 255).sum(1).mean().item() == pytest.approx(pen, abs=0.26)


@pytest.mark.parametrize("growth", [-0.5, 0.4, 1.0])
def test_growth_moves_both_edges(growth):
    greys = bar()
    drawn = draw(greys, trace(greys), Hand.plain(1, growth=growth))[0, 0, 10:18]
    assert (drawn.float() / 255).sum(1).mean().item() == pytest.approx(3 + 2 * growth, abs=0.02)


@pytest.mark.parametrize("redrawn", [False, True])
def test_a_medium_pen_keeps_a_zero_whole_and_open(redrawn):
    greys = ring()
    for scale in (0.7, 1.0, 1.4):
        hand = Hand.plain(1, scale_x=scale, scale_y=scale, redrawn=redrawn, pen=2.25)
        drawn = ink(draw(greys, trace(greys), hand))[0]
        assert (parts(drawn), holes(drawn)) == (1, 1)


def test_a_cut_opens_the_zero():
    greys = ring()
    for redrawn in (False, True):
        hand = Hand.plain(1, redrawn=redrawn, pen=2.25, cut_x=5.5, cut_y=14, cut_radius=4)
        drawn = ink(draw(greys, trace(greys), hand))[0]
        assert (parts(drawn), holes(drawn)) == (1, 0)


def test_the_displacement_bends_both_kinds_of_drawing_alike():
    greys = bar()
    moves = torch.zeros(1, 2, 4, 4)
    moves[:, 0, 0] = 3.0  # the upper end goes to the right
    for redrawn in (False, True):
        hand = replace(Hand.plain(1, redrawn=redrawn, pen=3.0), displacement=moves)
        columns = [
            c[:, 1].float().mean()
            for c in (ink(draw(greys, trace(greys), hand))[0, r : r + 2].nonzero() for r in (3, 22))
        ]
        assert columns[0] - columns[1] > 1


def test_pens_for_small_loops_are_thinner():
    wide, narrow = ring(), F.interpolate(ring().float(), size=(9, 9), mode="area").to(torch.uint8)
    strokes = trace(torch.cat([wide, F.pad(narrow, (9, 10, 9, 10))]))
    assert strokes.widest[0] > strokes.widest[1]


def test_thinning_leaves_a_line_of_one_pixel():
    mask = ink(torch.cat([bar(), ring()]))
    line = thin(mask)
    assert (line & ~mask).sum() == 0
    assert line[0, 4:24].sum(1).tolist() == [1] * 20
    assert (parts(line[1]), holes(line[1])) == (1, 1)
    square = F.avg_pool2d(line[1][None].float(), 2, 1)
    assert square.max() < 1  # no square of ink


def test_a_blank_image_stays_blank():
    greys = torch.cat([torch.zeros(1, 1, 28, 28, dtype=torch.uint8), bar()])
    strokes = trace(greys)
    for seed in range(8):
        hand = random_hands(greys, strokes, torch.Generator().manual_seed(seed))
        drawn = draw(greys, strokes, hand)
        assert drawn[0].sum() == 0
        assert drawn[1].max() > 128


def test_strokes_and_hands_of_some_are_theirs():
    greys = torch.cat([ring(), bar()])
    strokes, index = trace(greys), torch.tensor([1])
    some = strokes[index]
    assert some.segments.shape[1] == strokes.counts[1] < strokes.counts[0]
    assert torch.equal(some.segments, strokes.segments[index, : strokes.counts[1]])
    hand = Hand.plain(2, scale_x=1.3)[index]
    assert {len(getattr(hand, field.name)) for field in fields(hand)} == {1}


def test_redrawn_digits_have_greys_for_models_of_many_levels():
    greys = ring()
    drawn = draw(greys, trace(greys), Hand.plain(1, redrawn=True, pen=2.25, rotation=0.2))
    assert drawn.dtype == torch.uint8
    assert len(quantize(drawn, 16).unique()) > 8


def test_greys_of_another_kind_are_refused():
    with pytest.raises(
        TypeError, match=re.escape("greys must be uint8 (0 to 255), got torch.float32.")
    ):
        trace(torch.zeros(1, 1, 28, 28))
    with pytest.raises(
        ValueError, match=re.escape("must have the shape (N, 1, H, W), got (2, 3, 28, 28).")
    ):
        trace(torch.zeros(2, 3, 28, 28, dtype=torch.uint8))


@pytest.mark.slow
@pytest.mark.skipif("MNIST_DIR" not in os.environ, reason="needs MNIST")
def test_real_digits_are_drawn_whole_and_on_the_pad():
    images = load_images("MNIST", Path(os.environ["MNIST_DIR"]), "validation")
    greys = images.greys[:256]
    strokes = trace(greys)
    hand = random_hands(greys, strokes, torch.Generator().manual_seed(0))
    # A displacement is inverted nearly, not exactly, for the greys.
    assert_on_the_pad(greys, strokes, hand, tolerance=4)
    hand = replace(hand, cut_radius=torch.zeros(256))
    drawn = ink(draw(greys, strokes, hand))
    kept = [
        (parts(a), holes(a)) == (parts(b), holes(b))
        for a, b in zip(ink(greys[:64]), drawn[:64], strict=True)
    ]
    assert sum(kept) >= 0.75 * 64
