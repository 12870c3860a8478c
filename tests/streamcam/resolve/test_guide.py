"""The guide: slopes of a look by luma, and what they add to an enlarged picture."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moving_scene import ground, inverted, shrunk

from streamcam.resolve.guide import Guide, slopes

SMALL, LARGE = (160, 96), (480, 288)


def _luma(picture):
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


def _grey(picture):
    return cv2.cvtColor(_luma(picture), cv2.COLOR_GRAY2RGB)


def _guided(small, styled, large):
    made = np.zeros((LARGE[1], LARGE[0], 3), np.uint8)
    luma = _luma(small)
    pair = np.dstack([styled, luma])
    Guide(LARGE).apply(pair, slopes(pair), _luma(large), made)
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
    styled = np.dstack([luma, 255 - luma, np.full_like(luma, 77)])
    red, green, blue = (
        np.median(code.astype(int) - 128) for code in cv2.split(slopes(np.dstack([styled, luma])))
    )
    assert red == pytest.approx(29, abs=3)
    assert green == pytest.approx(-29, abs=3)
    assert blue == 0


def test_no_luma_shows_in_a_look_that_has_none_of_it():
    """Never the raw camera: what a look does not follow adds nothing to it."""
    small = ground(*SMALL)
    for level in (0, 90, 255):
        flat = np.full_like(small, level)
        made = _guided(small, flat, ground(*LARGE, seed=9))
        assert (made == level).all()


def test_an_unrelated_texture_gains_little_of_the_frame():
    small, texture = ground(*SMALL, seed=2), ground(*SMALL, seed=3, grain=1.0)
    plain = cv2.resize(texture, LARGE, interpolation=cv2.INTER_LINEAR)
    made = _guided(small, texture, ground(*LARGE, seed=2))
    assert _apart(made, plain) < 0.6 * _apart(made, _grey(ground(*LARGE, seed=2)))


def test_extreme_slopes_and_levels_neither_wrap_nor_overflow():
    luma = np.zeros((SMALL[1], SMALL[0]), np.uint8)
    luma[:, ::8] = 255
    styled = np.zeros((*luma.shape, 3), np.uint8)
    for code in (0, 128, 255):
        for detail in (0, 255):
            for level in (0, 255):
                styled[:] = level
                made = np.full((LARGE[1], LARGE[0], 3), 9, np.uint8)
                codes = np.full_like(styled, code)
                large = np.full((LARGE[1], LARGE[0]), detail, np.uint8)
                pair = np.dstack([styled, np.full_like(luma, 128)])
                Guide(LARGE).apply(pair, codes, large, made)
                wanted = level + (code - 128) / 32 * (detail - 128)
                assert np.abs(made - np.clip(wanted, 0, 255)).max() <= 1


@settings(deadline=None, max_examples=40)
@given(
    small=st.tuples(st.integers(5, 70), st.integers(5, 70)),
    large=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    seed=st.integers(0, 9),
)
def test_any_size_makes_any_other(small, large, seed):
    picture = ground(*small, seed=seed)
    luma = _luma(picture)
    canvas = np.full((large[1] + 4, large[0] + 6, 3), 5, np.uint8)
    pair = np.dstack([picture, luma])
    Guide(large).apply(pair, slopes(pair), _luma(ground(*large)), canvas[2:-2, 3:-3])
    canvas[2:-2, 3:-3] = 5
    assert (canvas == 5).all(), "what is beside the picture was written to"
