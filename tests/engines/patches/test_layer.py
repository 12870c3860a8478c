"""A patch over a picture: soft at its cut edges, sharp at the frame's, and nothing beside it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.patches import Area, PatchRule
from engines.patches.layer import PatchLayer

FRAME = (192, 128)
RULE = PatchRule(grid=32, halo=16)
LEFT, TOP = st.sampled_from([0, 32, 64, 96]), st.sampled_from([0, 32, 64])
areas = st.builds(Area, LEFT, TOP, st.just(96), st.just(64))


def filled(size, value):
    return np.full((size[1], size[0], 3), value, np.uint8)


def laid(area, last, patch):
    out = np.zeros_like(last)
    PatchLayer(FRAME, RULE).lay(patch, area, last, out)
    return out


@given(areas)
def test_no_step_at_a_seam_is_larger_than_the_fade_allows(area):
    """A black picture under a white patch: from one to the other in at least eight pixels."""
    out = laid(area, filled(FRAME, 0), filled((96, 64), 255)).astype(int)
    steps = np.abs(np.diff(out, axis=1)).max(), np.abs(np.diff(out, axis=0)).max()
    cut = (area.left, FRAME[0] - 96 - area.left), (area.top, FRAME[1] - 64 - area.top)
    for step, ends in zip(steps, cut, strict=True):
        assert step <= 255 / 8
        assert (step > 0) == any(ends), "a frame's own edge does not fade"


@given(areas)
def test_what_changed_is_the_patch_alone_and_beside_it_nothing_is(area):
    out = laid(area, filled(FRAME, 10), filled((96, 64), 250))
    halo = RULE.halo
    left = area.left + (halo if area.left else 0)
    top = area.top + (halo if area.top else 0)
    right = area.left + 96 - (halo if area.left + 96 < FRAME[0] else 0)
    bottom = area.top + 64 - (halo if area.top + 64 < FRAME[1] else 0)
    assert (out[top:bottom, left:right] == 250).all()
    area.of(out)[:] = 10
    assert (out == 10).all()


@given(areas, st.integers(0, 2**32 - 1))
def test_a_patch_that_is_like_the_picture_changes_nothing(area, seed):
    last = np.random.default_rng(seed).integers(0, 256, (FRAME[1], FRAME[0], 3), np.uint8)
    assert np.array_equal(laid(area, last, area.of(last).copy()), last)


@pytest.mark.parametrize("area", [Area(0, 0, 96, 64), Area(64, 32, 96, 64)])
def test_the_last_picture_may_be_where_the_next_goes(area):
    random = np.random.default_rng(3)
    last = random.integers(0, 256, (FRAME[1], FRAME[0], 3), np.uint8)
    patch = random.integers(0, 256, (64, 96, 3), np.uint8)
    expected = laid(area, last, patch)
    PatchLayer(FRAME, RULE).lay(patch, area, last, last)
    assert np.array_equal(last, expected)
