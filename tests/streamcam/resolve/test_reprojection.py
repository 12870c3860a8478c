"""Reprojection, on motion that is exact."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moving_scene import ground, seen

from streamcam.resolve.reprojection import Reprojection, sampled

SIZE = (448, 256)


def _luma(picture):
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


def _followed(newest, earlier, size=SIZE, span=1.0):
    reprojection = Reprojection(size)
    one, other = (reprojection.shrunk(_luma(picture)) for picture in (newest, earlier))
    return reprojection.follow(one, other, span)


@pytest.mark.parametrize("step", [(6, 2), (-9, 4), (14, -8)])
def test_a_styled_picture_goes_where_its_parts_went(step):
    whole = ground()
    earlier, newest = seen(whole, 60, 60, SIZE), seen(whole, 60 + step[0], 60 + step[1], SIZE)
    found = _followed(newest, earlier)
    moved = sampled(255 - earlier, found.places)
    inner = (slice(24, -24), slice(24, -24))
    ideal = (255 - newest)[inner].astype(int)
    left = np.abs((255 - earlier)[inner] - ideal).mean()
    assert np.abs(moved[inner] - ideal).mean() < 0.25 * left
    assert found.wrong < 0.1


def test_another_scene_is_not_found():
    assert _followed(ground(*SIZE, seed=4), ground(*SIZE, seed=5)).wrong > 0.35


def test_nothing_moves_where_all_is_said_to_be_still():
    whole = ground()
    reprojection = Reprojection(SIZE)
    one, other = (reprojection.shrunk(_luma(seen(whole, left, 60, SIZE))) for left in (60, 66))
    places = reprojection.follow(one, other, 1.0, np.ones(one.shape, np.float32)).places
    picture = seen(whole, 60, 60, SIZE)
    assert (sampled(picture, places) == picture).all()


def test_a_flow_starts_from_the_one_before_and_reaches_further():
    """30 pixels are too far for one search; as the tenth of ten steps they are found."""
    whole = ground(grain=2.0)
    earlier = seen(whole, 100, 100, SIZE)
    reprojection = Reprojection(SIZE)
    given = reprojection.shrunk(_luma(earlier))
    shares = []
    for number in range(1, 11):
        newest = reprojection.shrunk(_luma(seen(whole, 100 + 4 * number, 100, SIZE)))
        shares.append(reprojection.follow(newest, given, number / 30).wrong)
    alone = Reprojection(SIZE)
    assert shares[-1] < 0.2
    assert shares[-1] < alone.follow(newest, given, 10 / 30).wrong


def test_a_narrow_picture_is_not_followed():
    """OpenCV ends the process for some of them; see `_SHORTEST`."""
    assert not Reprojection((448, 16)).possible
    assert not Reprojection((30, 30)).possible
    assert not Reprojection((1280, 160)).possible
    assert not Reprojection((160, 39)).possible
    assert Reprojection((128, 128)).possible


@settings(deadline=None, max_examples=60)
@given(
    size=st.tuples(st.integers(40, 500), st.integers(40, 500)),
    seed=st.integers(0, 99),
    span=st.sampled_from([0.0, 1e-6, 0.03, 5.0]),
)
def test_any_size_that_is_possible_is_followed(size, seed, span):
    reprojection = Reprojection(size)
    if not reprojection.possible:
        return
    rng = np.random.default_rng(seed)
    for _ in range(3):
        one, other = (rng.integers(0, 256, size[::-1], dtype=np.uint8) for _ in range(2))
        small, smaller = reprojection.shrunk(one), reprojection.shrunk(other)
        found = reprojection.follow(small, smaller, span)
        assert sampled(one, found.places).shape == size[::-1]
        assert sampled(small, found.small).shape == small.shape
        assert 0.0 <= found.wrong <= 1.0


def test_after_a_fast_reversal_the_picture_is_followed_and_not_the_start():
    whole = ground()
    at = [60, 84, 108, 84, 60, 84]
    luma = [_luma(seen(whole, x, 60, SIZE)) for x in at]
    reprojection = Reprojection(SIZE)
    small = [reprojection.shrunk(one) for one in luma]
    for number in range(1, len(at)):
        alone = Reprojection(SIZE).follow(small[number], small[number - 1], 1 / 30)
        found = reprojection.follow(small[number], small[number - 1], 1 / 30)
        assert found.wrong <= max(alone.wrong, 0.15)
