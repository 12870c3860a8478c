"""Gain: how much of the finest detail a look shows."""

import cv2
import numpy as np
import pytest
from moving_scene import ground, inverted

from streamcam.resolve.gain import Gain
from streamcam.resolve.guide import planes_of, slopes

SIZE = (320, 176)


def _gain(look, pairs=1, gain=None):
    gain = gain or Gain()
    for seed in range(pairs):
        frame = ground(*SIZE, seed=seed, grain=0.8)
        pair = planes_of(look(frame), cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))
        small = cv2.resize(pair, (160, 88), interpolation=cv2.INTER_AREA)
        gain.look_at(pair, slopes(small), look)
    return gain.value


def _smooth(picture):
    return cv2.GaussianBlur(picture, (0, 0), 2.0)


def _sharpened(picture):
    return cv2.addWeighted(picture, 2.5, _smooth(picture), -1.5, 0.0)


def _own_texture(picture):
    grain = np.random.default_rng(5).integers(0, 60, picture.shape[:2], np.uint8)
    return cv2.merge([grain, grain, grain]) + _smooth(picture) // 2


def test_a_look_that_smooths_shows_less_and_one_that_sharpens_more():
    smooth, plain, sharp = (_gain(look) for look in (_smooth, inverted, _sharpened))
    assert smooth < 0.5 * plain
    assert 0.7 < plain < 1.7
    assert sharp > plain


def test_detail_that_is_not_of_the_camera_counts_little():
    assert _gain(_own_texture) < 0.6 * _gain(_sharpened)


def test_of_a_picture_with_hardly_any_detail_half_is_shown():
    frame = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    gain = Gain()
    pair = planes_of(frame, frame[:, :, 0])
    gain.look_at(pair, slopes(pair), "look")
    assert gain.value == 0.5


@pytest.mark.parametrize("look", [inverted, _smooth, _sharpened, _own_texture])
def test_it_stays_within_bounds(look):
    assert 0.0 <= _gain(look, pairs=20) <= 2.0


def test_another_look_is_measured_anew():
    gain = Gain()
    first = _gain(_sharpened, pairs=9, gain=gain)
    assert _gain(_smooth, gain=gain) < 0.7 * first
