"""Scaling: the right part of the picture, undistorted, in the buffer that was given."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamcam.frames.scaling import Scaler, boxes

Sizes = st.tuples(st.integers(16, 400), st.integers(16, 400))


def _photo(width, height):
    """Smooth colours with edges, different everywhere."""
    across = np.linspace(0, 6, width)[None, :]
    down = np.linspace(0, 4, height)[:, None]
    planes = [np.sin(across + down), np.cos(across * 1.3), np.sin(down * 1.7 - across)]
    picture = np.stack([127 + 100 * (plane + 0 * (across + down)) for plane in planes], axis=2)
    picture[height // 4 : height // 2, width // 3 : width // 2] = (250, 10, 90)
    return picture.astype(np.uint8)


@settings(deadline=None)
@given(source=Sizes, target=Sizes)
def test_crop_fills_the_target_from_the_middle_of_the_source(source, target):
    part, whole = boxes(source, target, "crop")
    assert (whole.left, whole.top, whole.width, whole.height) == (0, 0, *target)
    assert part.width == source[0] or part.height == source[1]
    _check_middle(part, source)
    _check_undistorted(part, whole)


@settings(deadline=None)
@given(source=Sizes, target=Sizes)
def test_letterbox_shows_the_whole_source_in_the_middle_of_the_target(source, target):
    whole, part = boxes(source, target, "letterbox")
    assert (whole.left, whole.top, whole.width, whole.height) == (0, 0, *source)
    assert part.width == target[0] or part.height == target[1]
    _check_middle(part, target)
    _check_undistorted(whole, part)


def _check_middle(part, size):
    for start, length, all_ in (
        (part.left, part.width, size[0]),
        (part.top, part.height, size[1]),
    ):
        assert start >= 0
        assert 0 <= all_ - (start + length) - start <= 1


def _check_undistorted(source, target):
    """Within 5 %, and what rounding to whole pixels adds for tiny parts."""
    ratio = (source.width * target.height) / (source.height * target.width)
    pixel = 1 / min(source.width, source.height, target.width, target.height)
    assert abs(ratio - 1) <= 0.05 + 1.2 * pixel


def test_engine_sizes_of_16_9_video_are_neither_cut_nor_barred():
    for size in ((256, 144), (320, 176), (384, 224), (448, 256), (512, 288), (640, 368)):
        for fit in ("crop", "letterbox"):
            source, target = boxes((1280, 720), size, fit)
            assert (source.width, source.height) == (1280, 720)
            assert (target.width, target.height) == size


@pytest.mark.parametrize(
    ("source", "target"),
    [((1280, 720), (448, 256)), ((1920, 1080), (256, 144)), ((641, 361), (320, 176))],
)
def test_shrinking_looks_like_an_area_mean(source, target):
    picture = _photo(*source)
    made = np.zeros((target[1], target[0], 3), np.uint8)
    Scaler(source, target, "crop").scale(picture, made)
    ideal = cv2.resize(picture, target, interpolation=cv2.INTER_AREA)
    assert np.abs(made.astype(int) - ideal).mean() < 2.5


def test_growing_keeps_the_picture():
    small = _photo(448, 256)
    made = np.zeros((720, 1280, 3), np.uint8)
    Scaler((448, 256), (1280, 720), "crop").scale(small, made)
    back = cv2.resize(made, (448, 256), interpolation=cv2.INTER_AREA)
    assert np.abs(back.astype(int) - small).mean() < 1.5


def test_the_same_size_is_a_copy():
    picture, made = _photo(64, 48), np.zeros((48, 64, 3), np.uint8)
    Scaler((64, 48), (64, 48), "crop").scale(picture, made)
    assert np.array_equal(picture, made)
    assert not np.shares_memory(picture, made)


@settings(deadline=None, max_examples=50)
@given(source=Sizes, target=Sizes, fit=st.sampled_from(["crop", "letterbox"]))
def test_it_writes_all_of_the_picture_part_and_nothing_else(source, target, fit):
    made = np.full((target[1], target[0], 3), 7, np.uint8)
    white = np.full((source[1], source[0], 3), 200, np.uint8)
    Scaler(source, target, fit).scale(white, made)
    box = boxes(source, target, fit)[1]
    assert (box.of(made) == 200).all()
    assert (made == 200).all(axis=2).sum() == box.width * box.height
