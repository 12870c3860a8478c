import struct

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamcam.frames.geometry import inside
from streamcam.remote.fitting import Fitting
from streamcam.remote.pictures import packed, unpacked
from streamcam.remote.wire import Codec, Misspoken

SIZE = (64, 48)


def picture(size=SIZE):
    width, height = size
    down, across = np.mgrid[0:height, 0:width]
    return np.stack([4 * across % 256, 5 * down % 256, 0 * down + 90], -1).astype(np.uint8)


def test_raw_is_the_picture_itself_and_a_jpeg_nearly():
    drawn = picture()
    assert (unpacked(packed(drawn, Codec.RAW), Codec.RAW, SIZE) == drawn).all()
    smooth = cv2.GaussianBlur(drawn, (0, 0), 3)
    back = unpacked(packed(smooth, Codec.JPEG), Codec.JPEG, SIZE)
    assert cv2.PSNR(back, smooth) > 32  # red is red: no channels are exchanged


def claiming(size):
    """A small JPEG whose header says that it is of another size."""
    data = bytearray(packed(picture(), Codec.JPEG))
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = struct.pack(">HH", size[1], size[0])
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8",
        b"GIF89a" + b"\0" * 100,
        cv2.imencode(".png", picture())[1].tobytes(),
        claiming((65_500, 65_500)),
        packed(picture((48, 64)), Codec.JPEG),
    ],
)
def test_a_jpeg_is_refused_before_it_is_decoded(data, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", None)
    with pytest.raises(Misspoken, match="must be a JPEG of 64x48"):
        unpacked(data, Codec.JPEG, SIZE)


def test_a_raw_picture_of_another_size_is_refused():
    with pytest.raises(Misspoken, match="has 9216 bytes"):
        unpacked(b"\0" * 9215, Codec.RAW, SIZE)


@given(st.integers(0, 2000), st.binary(min_size=1, max_size=8))
def test_a_damaged_jpeg_is_a_picture_or_refused(place, bytes_there):
    data = bytearray(packed(picture(), Codec.JPEG))
    place %= len(data)
    data[place : place + len(bytes_there)] = bytes_there
    try:
        assert unpacked(bytes(data), Codec.JPEG, SIZE).shape == (48, 64, 3)
    except Misspoken:
        return


@pytest.mark.parametrize("elsewhere", [(64, 48), (128, 96), (128, 64), (48, 128)])
def test_a_picture_comes_back_from_where_it_was_put(elsewhere):
    drawn = cv2.GaussianBlur(picture(), (0, 0), 4)
    there = Fitting(elsewhere).there(drawn)
    assert there.shape == (elsewhere[1], elsewhere[0], 3)
    box = inside(elsewhere, 64 / 48)
    around = there.copy()
    box.of(around)[:] = 0
    assert box.size == elsewhere or around.any()  # edges are repeated, and no bars are black
    assert cv2.PSNR(Fitting(SIZE).back(there), drawn) > 28
