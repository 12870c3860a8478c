"""Steadiness: noise goes, edges stay."""

import cv2
import numpy as np
import pytest
from moving_scene import grainy, ground, pan, posterised, rgb_of, seen

from streamcam.resolve.guide import planes_of
from streamcam.resolve.measures import static_flicker
from streamcam.resolve.reprojection import Reprojection
from streamcam.resolve.steadiness import LumaBlend, PairBlend, stillness

SIZE = (224, 128)


def _luma(picture):
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


def _shrunk(picture):
    return cv2.resize(picture, (160, 91), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("sigma", [0.0, 2.0, 8.0])
def test_noise_is_not_motion_and_motion_is_not_noise(sigma):
    whole = ground(grain=6.0)
    one, other = (
        grainy(seen(whole, left, 40, (640, 364)), sigma, int(left * 10)) for left in (40, 40.1)
    )
    moved = grainy(seen(whole, 44, 40, (640, 364)), sigma, 3)
    small = [_shrunk(_luma(frame)) for frame in (one, other, moved)]
    assert stillness(small[0], small[1]).mean() > 0.85
    assert stillness(small[0], small[2]).mean() < 0.15


def _pair(frame, look=posterised):
    return planes_of(look(frame), _luma(frame))


def _blended(frames, steadiness, looks=None):
    blend = PairBlend(steadiness)
    looks = looks or [None] * len(frames)
    made = []
    for frame, look in zip(frames, looks, strict=True):
        pair = _pair(frame)
        made.append(rgb_of(blend.blend(pair, _shrunk(pair), look, None)[0]))
    return made


def test_a_still_scene_flickers_less():
    scene = ground(*SIZE, grain=5.0)
    frames = [grainy(scene, 4.0, seed) for seed in range(30)]
    steady, unsteady = _blended(frames, 0.8), _blended(frames, 0.0)
    assert static_flicker(steady[8:]) < 0.75 * static_flicker(unsteady[8:])


def test_without_steadiness_pictures_are_untouched():
    frame = ground(*SIZE)
    for made in _blended([frame, frame], 0.0):
        assert (made == rgb_of(_pair(frame))).all()


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
    blend, one = PairBlend(1.0), _pair(frame)
    blend.blend(one, _shrunk(one), "one", None)
    other = _pair(frame, lambda picture: picture // 2)
    assert (blend.blend(other, _shrunk(other), "two", None)[0] == other).all()


def _steadied(frames, steadiness):
    blend = LumaBlend((448, 256), steadiness)
    made = []
    for frame in frames:
        luma = _luma(frame)
        made.append(blend.blend(luma, _shrunk(luma)).copy())
    return made


def test_luma_of_a_still_scene_loses_noise():
    scene = ground(448, 256, grain=5.0)
    frames = [grainy(scene, 4.0, seed) for seed in range(30)]
    steady, unsteady = _steadied(frames, 0.8), _steadied(frames, 0.0)
    assert static_flicker(steady[8:]) < 0.5 * static_flicker(unsteady[8:])


def test_the_grain_of_a_large_picture_is_seen_though_it_is_small_at_the_size_of_flow():
    """Four levels at 1280x720 leave a quarter of a level against a picture that is steady."""
    scene = _luma(ground(1280, 720, grain=5.0))
    frames = [grainy(scene, 4.0, seed) for seed in range(14)]
    blend = LumaBlend((1280, 720), 0.6)
    small = [cv2.resize(frame, (160, 90), interpolation=cv2.INTER_AREA) for frame in frames]
    made = [blend.blend(*pair).astype(np.uint8) for pair in zip(frames, small, strict=True)]
    assert static_flicker(made[6:]) < 0.75 * static_flicker(frames[6:])


def test_luma_of_a_camera_that_moves_is_untouched():
    frames = pan(8, (448, 256), picture=ground(grain=2.0))
    for made, frame in zip(_steadied(frames, 1.0), frames, strict=True):
        assert (made == _luma(frame)).mean() > 0.98


def test_what_moves_is_steadied_along_its_way():
    """The engine draws each picture a little differently; over what moves that evens out too."""
    rng = np.random.default_rng(3)
    frames = pan(12, SIZE, picture=ground(grain=4.0))
    drawn = [np.clip(f + rng.normal(0, 12, f.shape), 0, 255).astype(np.uint8) for f in frames]
    blend, reprojection, luma, errors = PairBlend(1.0), Reprojection(SIZE), None, []
    for frame, styled in zip(frames, drawn, strict=True):
        pair = planes_of(styled, _luma(frame))
        small = reprojection.shrunk(pair)
        before, luma = luma, np.ascontiguousarray(small[:, :, 3])
        found = None if before is None else reprojection.follow(luma, before, 1 / 15)
        made = rgb_of(blend.blend(pair, small, "look", found)[0])[20:-20, 20:-20].astype(int)
        ideal = frame[20:-20, 20:-20].astype(int)
        errors.append((np.abs(made - ideal).mean(), np.abs(styled[20:-20, 20:-20] - ideal).mean()))
    steady, unsteady = np.mean(errors[5:], axis=0)
    assert steady < 0.8 * unsteady
