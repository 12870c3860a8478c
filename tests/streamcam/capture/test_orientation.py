"""All eight ways in which a picture can lie, in photographs of every kind and in films."""

from __future__ import annotations

import struct
from io import BytesIO

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from streamcam.capture import Wanted, open_source
from streamcam.capture.image import read_picture
from streamcam.pixels import Orientation
from streamcam.pixels.orientation import of_exif

AT_ONCE = Wanted(realtime=False, loop=False)
# Where the top and the left side of what is stored belong, by EXIF's own words (CIPA DC-008):
# the 0th row is the visual …, the 0th column is the visual ….
EXIF = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def upright(stored, value):
    """What a picture stored like this looks like, by the table alone."""
    row, column = EXIF[value]
    height, width = stored.shape[:2]
    turned = row in ("left", "right")
    shown = np.empty((width, height, 3) if turned else stored.shape, stored.dtype)
    for y in range(height):
        for x in range(width):
            a = y if row in ("top", "left") else height - 1 - y
            b = x if column in ("left", "top") else width - 1 - x
            shown[(b, a) if turned else (a, b)] = stored[y, x]
    return shown


@given(st.integers(1, 8), st.integers(1, 7), st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_every_orientation_of_every_picture(value, height, width, seed):
    stored = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    expected = upright(stored, value)
    orientation = of_exif(value)
    assert orientation.size(width, height) == expected.shape[1::-1]
    if orientation != Orientation():
        got = np.zeros_like(expected)
        orientation.upright(stored, got)
        assert np.array_equal(got, expected)


def chart():
    y, x = np.mgrid[:48, :80]
    return np.stack([60 + x, 60 + 3 * y, 220 - x - y], -1).astype(np.uint8)


KINDS = {
    "JPEG": {"quality": 98, "subsampling": 0},
    "PNG": {},
    "WEBP": {"lossless": True},
    "TIFF": {},
    "AVIF": {"quality": 98, "subsampling": "4:4:4"},
}


@pytest.mark.parametrize("value", EXIF)
@pytest.mark.parametrize("kind", KINDS)
def test_photographs_are_upright(tmp_path, kind, value):
    path = tmp_path / "photo"
    exif = Image.Exif()
    exif[274] = value
    Image.fromarray(chart()).save(path, kind, exif=exif, **KINDS[kind])
    got = read_picture(path).astype(int)
    expected = upright(chart(), value)
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() <= 8


@pytest.mark.parametrize("value", EXIF)
def test_deep_photographs_with_labels_are_upright(tmp_path, value):
    """PNGs that label their colours take another way through the program."""
    path = tmp_path / "photo.png"
    exif = Image.Exif()
    exif[274] = value
    written = BytesIO()
    Image.fromarray(chart()).save(written, "PNG", exif=exif)
    path.write_bytes(with_chunk(written.getvalue(), b"cICP", bytes([1, 13, 0, 1])))
    assert np.abs(read_picture(path).astype(int) - upright(chart(), value)).max() <= 2


def with_chunk(png: bytes, kind: bytes, content: bytes) -> bytes:
    """The PNG with a chunk after its first one."""
    import zlib

    check = struct.pack(">I", zlib.crc32(kind + content))
    return png[:33] + struct.pack(">I", len(content)) + kind + content + check + png[33:]


ONE = 1 << 16
# The first two columns of a display matrix for each of EXIF's numbers: x' = ax + cy, y' = bx + dy.
MATRICES = {
    1: (1, 0, 0, 1),
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, 1, -1, 0),
    7: (0, -1, -1, 0),
    8: (0, -1, 1, 0),
}


def film_with(make_film, matrix, **more):
    """An MP4 with this display matrix."""
    path = make_film("film.mp4", times=4, size=(80, 48), pictures=[chart()] * 4, **more)
    data = bytearray(path.read_bytes())
    at = data.find(b"tkhd") + 44
    a, b, c, d = (ONE * number for number in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("value", MATRICES)
def test_films_are_upright(make_film, value):
    path = film_with(make_film, MATRICES[value], options={"crf": "4"})
    source = open_source(str(path), AT_ONCE)
    expected = upright(chart(), value)
    assert (source.width, source.height) == expected.shape[1::-1]
    for _ in range(4):
        frame = source.read()
        assert frame.pixels.flags.c_contiguous
        assert np.abs(frame.pixels.astype(int) - expected).mean() <= 4


def test_a_matrix_of_nothing_and_one_between_quarters(make_film):
    for matrix in ((0, 0, 0, 0), (0.98, 0.17, -0.17, 0.98)):
        data = film_with(make_film, (1, 0, 0, 1), options={"crf": "4"}).read_bytes()
        at = data.find(b"tkhd") + 44
        a, b, c, d = (round(ONE * number) for number in matrix)
        changed = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
        path = make_film("other.mp4")
        path.write_bytes(data[:at] + changed + data[at + 36 :])
        assert open_source(str(path), AT_ONCE).read().size == (80, 48)


def test_a_photograph_shown_by_ffmpeg_is_turned_too(tmp_path):
    """A camera's JPEGs with EXIF: PyAV gives no side data out beside EXIF, but the turn."""
    exif = Image.Exif()
    exif[274] = 6
    written = BytesIO()
    Image.fromarray(chart()).save(written, "JPEG", exif=exif, **KINDS["JPEG"])
    path = tmp_path / "film.mjpeg"
    path.write_bytes(written.getvalue() * 3)
    with av.open(str(path)) as film:
        assert next(film.decode(video=0)).rotation == -90
    got = open_source(str(path), AT_ONCE).read().pixels.astype(int)
    assert np.abs(got - upright(chart(), 6)).mean() <= 4
    assert cv2.norm(got.astype(np.uint8)) > 0
