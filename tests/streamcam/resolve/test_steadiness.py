"""Steadiness: noise goes, edges stay."""

import cv2
import numpy as np
import pytest
from moving_scene import grainy, ground, pan, posterised

from streamcam.resolve.measures import static_flicker
from streamcam.resolve.steadiness import LumaBlend, PairBlend, noise_of

SIZE = (224, 128)


def _luma(picture):
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


@pytest.mark.parametrize("sigma", [2.0, 4.0])
def test_noise_is_measured_whatever_moves(sigma):
    for frame in pan(4, SIZE, picture=ground(grain=6.0)):
        noisy = np.clip(
            _luma(frame) + np.random.default_rng(1).normal(0, sigma, frame.shape[:2]), 0, 255
        )
        assert noise_of(noisy.astype(np.uint8)) == pytest.approx(sigma, rel=0.35)
    assert noise_of(np.full((40, 60), 80, np.uint8)) == 1.0


def _blended(frames, steadiness, looks=None):
    blend = PairBlend(steadiness)
    looks = looks or [None] * len(frames)
    made = []
    for frame, look in zip(frames, looks, strict=True):
        luma = _luma(frame)
        made.append(blend.blend(posterised(frame), luma, look, noise_of(luma))[0])
    return made


def test_a_still_scene_flickers_less():
    scene = ground(*SIZE, grain=5.0)
    frames = [grainy(scene, 4.0, seed) for seed in range(30)]
    steady, unsteady = _blended(frames, 0.8), _blended(frames, 0.0)
    assert static_flicker(steady[8:]) < 0.75 * static_flicker(unsteady[8:])


def test_without_steadiness_pictures_are_untouched():
    frame = ground(*SIZE)
    for made in _blended([frame, frame], 0.0):
        assert (made == posterised(frame)).all()


def _bar(left):
    frame = np.full((SIZE[1], SIZE[0], 3), 40, np.uint8)
    frame[:, left : left + 30] = 200
    return frame


def test_a_moving_edge_is_as_sharp_as_without():
    frames = [grainy(_bar(10 + 5 * i), 3.0, i) for i in range(12)]
    steady, unsteady = _blended(frames, 1.0), _blended(frames, 0.0)
    for one, other, left in zip(steady[1:], unsteady[1:], range(15, 70, 5), strict=True):
        rows = slice(10, -10)
        near = slice(left - 4, left + 34)
        assert (one[rows, near] == other[rows, near]).mean() > 0.97


def test_another_look_stands_at_once():
    frame = ground(*SIZE)
    blend = PairBlend(1.0)
    blend.blend(posterised(frame), _luma(frame), "one", 1.0)
    made, _ = blend.blend(posterised(frame) // 2, _luma(frame), "two", 1.0)
    assert (made == posterised(frame) // 2).all()


def test_pictures_of_another_size_begin_anew():
    blend = PairBlend(1.0)
    for size in ((64, 48), (80, 64)):
        frame = ground(*size)
        made, luma = blend.blend(frame, _luma(frame), None, 1.0)
        assert made.shape == frame.shape
        assert luma.shape == frame.shape[:2]


def _steadied(frames, steadiness):
    blend = LumaBlend((448, 256), steadiness)
    made = []
    for frame in frames:
        luma = _luma(frame)
        small = cv2.resize(luma, SIZE, interpolation=cv2.INTER_AREA)
        blend.blend(luma, small, noise_of(small))
        made.append(luma)
    return made


def test_luma_of_a_still_scene_loses_noise():
    scene = ground(448, 256, grain=5.0)
    frames = [grainy(scene, 4.0, seed) for seed in range(30)]
    steady, unsteady = _steadied(frames, 0.8), _steadied(frames, 0.0)
    assert static_flicker(steady[8:]) < 0.5 * static_flicker(unsteady[8:])


def test_luma_of_a_camera_that_moves_is_untouched():
    frames = pan(8, (448, 256), picture=ground(grain=2.0))
    for made, frame in zip(_steadied(frames, 1.0), frames, strict=True):
        assert (made == _luma(frame)).mean() > 0.98
