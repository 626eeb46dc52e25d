"""Masks of given pixels: their kinds, their seed, and the order in which a pen draws."""

import pytest
import torch

from pixelcnn.data import masks


def digits(count=40):
    """Rings and bars of several sizes, (N, 28, 28) bool."""
    y, x = torch.meshgrid(torch.arange(28), torch.arange(28), indexing="ij")
    ink = torch.zeros(count, 28, 28, dtype=torch.bool)
    for k in range(count):
        radius = torch.hypot(y - 14.0, x - 14.0) - (4 + k % 8)
        ink[k] = radius.abs() < 1.6 if k % 2 else (x - 8 - k % 10).abs() < 2
    ink[0] = False
    return ink


def draw(function, seed=0, ink=None):
    return function(digits() if ink is None else ink, torch.Generator().manual_seed(seed))


def test_shares_of_the_kinds_add_up_to_one():
    assert sum(share for share, _ in masks.KINDS) == pytest.approx(1)


@pytest.mark.parametrize("kind", [kind for _, kind in masks.KINDS], ids=lambda kind: kind.__name__)
def test_a_seed_decides_the_masks_of_a_kind(kind):
    a, b, c = (draw(kind, seed) for seed in (0, 0, 1))
    assert a.shape == (40, 28, 28)
    assert a.dtype == torch.bool
    assert a.equal(b)
    assert kind is masks.nothing or not a.equal(c)


def test_masks_of_all_kinds_are_drawn_and_none_is_of_first_rows():
    levels = digits(400)[:, None].long()
    given = masks.draw_masks(levels, torch.Generator().manual_seed(0))
    assert given.shape == (400, 1, 28, 28)
    assert given.equal(masks.draw_masks(levels, torch.Generator().manual_seed(0)))
    share = given.float().mean((1, 2, 3))
    assert share.min() == 0
    assert share.max() > 0.9
    alone = (given & (levels == 0)).sum((1, 2, 3)) == 0  # ink, and no paper
    assert 0.1 < alone.float().mean() < 0.6


def test_half_planes_leave_no_first_rows_to_the_exact_model():
    given = draw(masks.half_planes, ink=torch.zeros(500, 28, 28, dtype=torch.bool))
    whole = given.all(2)  # (N, H)
    above = whole.int().cumprod(1).sum(1) == whole.sum(1)
    first_rows = above & (given.any(2) == whole).all(1) & given.any(2).any(1)
    assert first_rows.float().mean() < 0.01  # a line may be tilted by less than a pixel
    sides = [given[:, 14, 0], given[:, 14, 27], given[:, 27, 14]]
    assert all(side.float().mean() > 0.25 for side in sides)


def test_ink_and_strokes_give_ink_and_true_paper_only():
    ink = digits()
    for kind in (masks.ink_alone, masks.strokes):
        given = draw(kind)
        assert (given & ink).any()
        some_paper = (given & ~ink).flatten(1).any(1)
        assert some_paper.any()
        assert not some_paper.all()


def test_the_eraser_begins_on_ink():
    ink = digits()[1:]
    missing = ~draw(masks.erased, ink=ink)
    assert (missing & ink).flatten(1).any(1).all()
    assert (missing.flatten(1).float().mean(1) < 0.9).all()


def test_a_pen_draws_connected_ink_from_an_end():
    ink = torch.zeros(1, 28, 28, dtype=torch.bool)
    ink[0, 4:24, 12:15] = True  # a bar
    starts = set()
    for seed in range(12):
        order = masks.pen_order(ink, torch.Generator().manual_seed(seed))[0]
        assert order[~ink[0]].isinf().all()
        assert order[ink[0]].min() == 0
        assert order[ink[0]].max() == 1
        middle = order[4:24, 13]
        steps = middle.diff()
        assert (steps.abs() <= 0.2).all()
        if (steps >= 0).all() or (steps <= 0).all():
            starts.add(bool(middle[0] < middle[-1]))
    assert starts == {True, False}


def test_a_pen_draws_separate_strokes_one_after_the_other():
    ink = torch.zeros(1, 28, 28, dtype=torch.bool)
    ink[0, 4:24, 5:8] = ink[0, 4:24, 18:21] = True
    order = masks.pen_order(ink, torch.Generator().manual_seed(1))[0]
    left, right = order[:, 5:8][ink[0, :, 5:8]], order[:, 18:21][ink[0, :, 18:21]]
    assert left.max() < right.min() or right.max() < left.min()


def test_sides_stop_where_ink_is_missing():
    ink = torch.zeros(1, 28, 28, dtype=torch.bool)
    ink[0, 4:24, 12:15] = True
    given = ink.clone()
    given[0, 14:] = False
    paper = masks.sides(ink, given)[0]
    assert not (paper & ink[0]).any()
    assert paper[5:11, 11].all()
    assert paper[5:11, 15].all()
    assert not paper[13:].any()
