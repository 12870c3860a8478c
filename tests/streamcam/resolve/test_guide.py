"""The guide: slopes of a look by luma, and what they add to an enlarged picture."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moving_scene import ground, inverted, rgb_of, shrunk

from streamcam.resolve.guide import Detail, Guide, planes_of, slopes

SMALL, LARGE = (160, 96), (480, 288)


def _luma(picture):
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


def _grey(picture):
    return cv2.cvtColor(_luma(picture), cv2.COLOR_GRAY2RGB)


def _guided(small, styled, large):
    pair = planes_of(styled, _luma(small))
    return _applied(pair, slopes(pair), _luma(large))


def _applied(pair, codes, luma):
    height, width = luma.shape
    size = pair.shape[1::-1]
    made = np.full((height, width, 3), 9, np.uint8)
    detail = Detail(luma.astype(np.int16), cv2.resize(luma, size, interpolation=cv2.INTER_AREA))
    Guide(size, (width, height), (width, height)).apply(pair, codes, detail, made)
    return made


def _apart(one, other):
    return np.abs(one.astype(int) - other.astype(int)).mean()


@pytest.mark.parametrize("look", [lambda p: p, inverted, lambda p: p // 2 + 60])
def test_a_look_that_is_a_function_of_luma_gains_the_detail_of_the_larger_picture(look):
    large = _grey(ground(*LARGE, grain=1.2))
    small = shrunk(large, SMALL)
    ideal = look(large)
    guided = _guided(small, look(small), large)
    plain = cv2.resize(look(small), LARGE, interpolation=cv2.INTER_CUBIC)
    assert _apart(guided, ideal) < 0.55 * _apart(plain, ideal)


def test_slopes_are_those_of_the_look_but_for_what_counts_as_noise():
    luma = _luma(ground(*SMALL, grain=0.8))
    planes = np.dstack([luma, 255 - luma, np.full_like(luma, 77), luma])
    y, cr, cb = (np.median(code.astype(int) - 128) for code in cv2.split(slopes(planes)))
    assert y == pytest.approx(29 * 219 / 255, abs=3)
    assert cr == pytest.approx(-29 * 224 / 255, abs=3)
    assert cb == 0


def test_planes_are_a_picture_and_the_luma_it_was_made_of():
    picture = ground(*SMALL)
    planes = planes_of(picture, _luma(255 - picture))
    assert np.abs(rgb_of(planes).astype(int) - picture).max() <= 3
    assert (planes[:, :, 3] == _luma(255 - picture)).all()


def test_no_luma_shows_in_a_look_that_has_none_of_it():
    """Never the raw camera: what a look does not follow adds nothing to it."""
    small = ground(*SMALL)
    for level in (0, 90, 255):
        flat = np.full_like(small, level)
        made = _guided(small, flat, ground(*LARGE, seed=9))
        assert np.abs(made.astype(int) - level).max() <= 1


def test_an_unrelated_texture_gains_little_of_the_frame():
    small, texture = ground(*SMALL, seed=2), ground(*SMALL, seed=3, grain=1.0)
    plain = cv2.resize(texture, LARGE, interpolation=cv2.INTER_LINEAR)
    made = _guided(small, texture, ground(*LARGE, seed=2))
    assert _apart(made, plain) < 0.6 * _apart(made, _grey(ground(*LARGE, seed=2)))


def test_extreme_slopes_and_levels_neither_wrap_nor_overflow():
    luma = np.full((SMALL[1], SMALL[0]), 128, np.uint8)
    for code in (128 - 96, 128, 128 + 96):
        for detail in (0, 255):
            for level in (0, 255):
                pair = planes_of(np.full((*luma.shape, 3), level, np.uint8), luma)
                codes = np.full((*luma.shape, 3), 128, np.uint8)
                codes[:, :, 0] = code
                made = _applied(pair, codes, np.full((LARGE[1], LARGE[0]), detail, np.uint8))
                wanted = level + (code - 128) / 32 * 255 / 219 * (detail - 128)
                assert np.abs(made - np.clip(wanted, 0, 255)).max() <= 2


@settings(deadline=None, max_examples=40)
@given(
    small=st.tuples(st.integers(5, 70), st.integers(5, 70)),
    large=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    seed=st.integers(0, 9),
)
def test_any_size_makes_any_other(small, large, seed):
    picture = ground(*small, seed=seed)
    pair = planes_of(picture, _luma(picture))
    canvas = np.full((large[1] + 4, large[0] + 6, 3), 5, np.uint8)
    detail = Detail(_luma(ground(*large)).astype(np.int16), _luma(picture))
    Guide(small, large, large).apply(pair, slopes(pair), detail, canvas[2:-2, 3:-3])
    canvas[2:-2, 3:-3] = 5
    assert (canvas == 5).all(), "what is beside the picture was written to"
