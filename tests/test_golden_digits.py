"""A seed draws the same digit on every machine, and in every version of this code."""

import pytest

from tests.golden_digits import NAMES, draw, path


@pytest.mark.parametrize("name", NAMES)
def test_seeds_draw_the_digits_they_have_always_drawn(name):
    assert draw(name) == path(name).read_text(encoding="utf-8")
