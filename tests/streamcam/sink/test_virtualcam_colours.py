"""The matrix of the virtual camera's colours: what its readers take them for."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace
from hypothesis import given, settings
from hypothesis import strategies as st

from streamcam.frames import Frame
from streamcam.sink import Format, virtualcam
from streamcam.sink.virtualcam import VirtualCamera
from streamcam.sink.virtualcam.i420 import ToI420

COLOURS = [
    *((200, 50, 20), (0, 255, 0), (255, 0, 0), (0, 0, 255), (224, 172, 145)),
    *((255, 255, 255), (0, 0, 0), (128, 128, 128), (1, 254, 3), (255, 255, 0)),
]
FORM = Format(160, 32, 30)  # 16 pixels a colour


def stripes():
    return np.repeat(np.repeat(np.array([COLOURS], np.uint8), 16, 1), 32, 0)


def shown(i420, matrix):
    """RGB of the colours' stripes in the eyes of a program with this matrix: FFmpeg's."""
    frame = av.VideoFrame.from_ndarray(i420, "yuv420p")
    rgb = frame.reformat(
        format="rgb24", src_colorspace=matrix, src_color_range=ColorRange.MPEG
    ).to_ndarray()
    return rgb[16, 8::16].astype(int)


class Camera:
    """Keeps the last picture as it was sent."""

    device = "/dev/video10"

    def send(self, frame):
        self.sent = frame.copy()

    def close(self):
        pass


class Reading:
    """Stands in for the readers of the device."""

    def __init__(self, answer):
        self.answer, self.asked = answer, set()

    def all_are(self, program):
        self.asked.add(program)
        return self.answer

    def count(self):
        return 1

    def close(self):
        pass


@pytest.fixture
def sink_for(monkeypatch):
    """A function: a sink with these readers, and its camera."""

    def make(readers, pixel_format="I420"):
        monkeypatch.setattr(virtualcam, "watch_readers", lambda device: readers)
        camera = Camera()
        return VirtualCamera(camera, pixel_format, FORM), camera

    return make


def test_obs_alone_gets_bt709_and_everybody_else_bt601(sink_for):
    """From one picture to the next: OBS comes, and then a browser."""
    readers = Reading(False)
    sink, camera = sink_for(readers)
    for readers.answer, matrix in [
        (False, Colorspace.ITU601),
        (True, Colorspace.ITU709),
        (False, Colorspace.ITU601),
    ]:
        sink.write(Frame(stripes(), 0, 0.0))
        assert np.abs(shown(camera.sent, matrix) - COLOURS).max() <= 3
    assert readers.asked == {"obs"}


def test_the_colours_of_the_wrong_matrix_are_far_off(sink_for):
    """So that the test above can fail."""
    sink, camera = sink_for(Reading(False))
    sink.write(Frame(stripes(), 0, 0.0))
    assert np.abs(shown(camera.sent, Colorspace.ITU709) - COLOURS).max() > 30


def test_where_readers_cannot_be_known_it_is_bt601(sink_for):
    sink, camera = sink_for(None)
    sink.write(Frame(stripes(), 0, 0.0))
    assert np.abs(shown(camera.sent, Colorspace.ITU601) - COLOURS).max() <= 3


@pytest.mark.parametrize("pixel_format", ["UYVY", "RGBA"])
def test_other_systems_cameras_are_as_they_are(sink_for, pixel_format):
    readers = Reading(True)
    sink, camera = sink_for(readers, pixel_format)
    sink.write(Frame(stripes(), 0, 0.0))
    assert readers.asked == set()
    to_rgb = {"UYVY": cv2.COLOR_YUV2RGB_UYVY, "RGBA": cv2.COLOR_RGBA2RGB}[pixel_format]
    seen = cv2.cvtColor(camera.sent, to_rgb)[16, 8::16].astype(int)
    assert np.abs(seen - COLOURS).max() <= 3


WEIGHTS = {"bt601": (0.299, 0.587, 0.114), "bt709": (0.2126, 0.7152, 0.0722)}


@pytest.mark.parametrize("matrix", WEIGHTS)
@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 40).map(lambda n: 2 * n),
    st.integers(1, 40).map(lambda n: 2 * n),
    st.integers(0, 2**32 - 1),
)
def test_i420_is_the_sum_that_the_standard_gives(matrix, width, height, seed):
    """Within one level, and two for chroma, whose mean is rounded first. Chroma is the mean of two
    by two pixels: OpenCV's own conversion takes one of them, which these pictures show."""
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    before = rgb.copy()
    i420 = np.full((height * 3 // 2, width), 77, np.uint8)
    ToI420(width, height)(rgb, i420, matrix)
    assert np.array_equal(rgb, before)
    red, green, blue = WEIGHTS[matrix]
    luma = rgb @ [red, green, blue]
    assert np.abs(i420[:height] - (16 + luma * 219 / 255)).max() <= 1
    quarters = rgb.reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3))
    luma = quarters @ [red, green, blue]
    cb = (quarters[:, :, 2] - luma) / (2 * (1 - blue)) * 224 / 255 + 128
    cr = (quarters[:, :, 0] - luma) / (2 * (1 - red)) * 224 / 255 + 128
    chroma = i420[height:].reshape(2, height // 2, width // 2)
    assert np.abs(chroma - np.stack([cb, cr])).max() <= 2


@pytest.mark.parametrize("pixel_format", ["I420", "UYVY"])
def test_stripes_of_a_pixel_keep_the_mean_of_their_colours(sink_for, pixel_format):
    sink, camera = sink_for(Reading(False), pixel_format)
    pixels = np.zeros((FORM.height, FORM.width, 3), np.uint8)
    pixels[:, ::2, 0] = 255
    sink.write(Frame(pixels, 0, 0.0))
    code = {"I420": cv2.COLOR_YUV2RGB_I420, "UYVY": cv2.COLOR_YUV2RGB_UYVY}[pixel_format]
    seen = cv2.cvtColor(camera.sent, code)
    assert np.abs(seen.mean((0, 1)) - (127.5, 0, 0)).max() < 30


def test_a_picture_costs_no_memory(sink_for):
    sink, camera = sink_for(Reading(True))
    places = set()
    camera.send = lambda frame: places.add(frame.ctypes.data)
    for _ in range(3):
        sink.write(Frame(stripes(), 0, 0.0))
    assert len(places) == 1
