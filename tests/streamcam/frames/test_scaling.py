"""Scaling: the right part of the picture, undistorted, in the buffer that was given."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamcam.frames.geometry import Box
from streamcam.frames.scaling import Scaler


@st.composite
def parts(draw):
    """A size, and a box in it."""
    width, height = draw(st.integers(1, 400)), draw(st.integers(1, 400))
    left, top = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return (width, height), Box(
        left, top, draw(st.integers(1, width - left)), draw(st.integers(1, height - top))
    )


def _whole(*size):
    return Box(0, 0, *size)


def _photo(width, height):
    """Smooth colours with edges, different everywhere."""
    across = np.linspace(0, 6, width)[None, :]
    down = np.linspace(0, 4, height)[:, None]
    planes = [np.sin(across + down), np.cos(across * 1.3), np.sin(down * 1.7 - across)]
    picture = np.stack([127 + 100 * (plane + 0 * (across + down)) for plane in planes], axis=2)
    picture[height // 4 : height // 2, width // 3 : width // 2] = (250, 10, 90)
    return picture.astype(np.uint8)


@pytest.mark.parametrize(
    ("source", "target"),
    [((1280, 720), (448, 256)), ((1920, 1080), (256, 144)), ((641, 361), (320, 176))],
)
def test_shrinking_looks_like_an_area_mean(source, target):
    picture = _photo(*source)
    made = np.zeros((target[1], target[0], 3), np.uint8)
    Scaler(_whole(*source), _whole(*target)).scale(picture, made)
    ideal = cv2.resize(picture, target, interpolation=cv2.INTER_AREA)
    assert np.abs(made.astype(int) - ideal).mean() < 2.5


def test_growing_keeps_the_picture():
    small = _photo(448, 256)
    made = np.zeros((720, 1280, 3), np.uint8)
    Scaler(_whole(448, 256), _whole(1280, 720)).scale(small, made)
    back = cv2.resize(made, (448, 256), interpolation=cv2.INTER_AREA)
    assert np.abs(back.astype(int) - small).mean() < 1.5


def test_the_same_size_is_a_copy():
    picture, made = _photo(64, 48), np.zeros((48, 64, 3), np.uint8)
    Scaler(_whole(64, 48), _whole(64, 48)).scale(picture, made)
    assert np.array_equal(picture, made)
    assert not np.shares_memory(picture, made)


@settings(deadline=None)
@given(source=parts(), target=parts())
def test_it_reads_and_writes_its_parts_and_nothing_else(source, target):
    (size, part), (into_size, place) = source, target
    picture = np.full((size[1], size[0], 3), 90, np.uint8)
    part.of(picture)[:] = 200
    made = np.full((into_size[1], into_size[0], 3), 7, np.uint8)
    Scaler(part, place).scale(picture, made)
    assert (place.of(made) == 200).all()
    assert (made != 7).all(axis=2).sum() == place.width * place.height
