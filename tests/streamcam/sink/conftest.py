"""Stand-ins for what a test machine lacks: a virtual camera driver, PipeWire and a screen."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from fake_pipewire import FakePipeWire

from streamcam.frames import Frame

TO_RGB = {
    "I420": cv2.COLOR_YUV2RGB_I420,
    "UYVY": cv2.COLOR_YUV2RGB_UYVY,
    "RGBA": cv2.COLOR_RGBA2RGB,
}


class FakeCamera:
    """Keeps what it was sent, turned back to RGB; fails when told to."""

    def __init__(self, pixel_format="I420", device="/dev/video10"):
        self.device = device
        self.shown = []
        self.buffers = set()
        self.closed = 0
        self.error = None
        self._code = TO_RGB[pixel_format]

    def send(self, frame):
        if self.error:
            raise self.error
        self.buffers.add(frame.ctypes.data)
        self.shown.append(cv2.cvtColor(frame, self._code))

    def close(self):
        self.closed += 1


class FakeNdi:
    """An NDI library, and the senders that it opened."""

    def __init__(self):
        self.senders = []
        self.error = None

    def __call__(self, name, picture, fps):
        if self.error:
            raise self.error
        self.senders.append(FakeSender(name, picture, fps))
        return self.senders[-1]


class FakeSender:
    """Keeps what it sent, as RGB; `receivers` are connected."""

    def __init__(self, name, picture, fps):
        self.name, self.fps = name, fps
        self.receivers = 0
        self.sent = []
        self.closed = 0
        self._picture = picture

    def send(self, *, alpha=False):
        self.alpha = alpha
        self.whole = self._picture.copy()
        assert not self.closed
        self.sent.append(self._picture[:, :, :3].copy())

    def connections(self):
        assert not self.closed, "NDI would crash"
        return self.receivers

    def close(self):
        self.closed += 1


class FakeGui:
    """The functions of OpenCV that draw windows, with a window that can be closed."""

    def __init__(self):
        self.windows = {}
        self.visible = 1.0
        self.key = -1
        self.shown = []

    def namedWindow(self, winname, flags):
        self.windows[winname] = flags

    def resizeWindow(self, winname, width, height):
        assert winname in self.windows
        self.size = (width, height)

    def imshow(self, winname, mat):
        assert winname in self.windows
        self.shown.append(mat[..., ::-1].copy())

    def pollKey(self):
        return self.key

    def getWindowProperty(self, winname, prop_id):
        assert winname in self.windows
        assert prop_id == cv2.WND_PROP_VISIBLE
        return self.visible

    def destroyWindow(self, winname):
        del self.windows[winname]


@pytest.fixture
def make_camera():
    return FakeCamera


@pytest.fixture
def camera():
    return FakeCamera()


@pytest.fixture
def ndi():
    return FakeNdi()


@pytest.fixture
def pipewire():
    return FakePipeWire()


@pytest.fixture
def gui():
    return FakeGui()


def patches(width, height, shift=0):
    """Six flat colours in a 3x2 grid of (height, width, 3) uint8, moved on by `shift`."""
    colours = [
        (220, 40, 40),
        (40, 200, 60),
        (30, 60, 220),
        (240, 230, 60),
        (20, 20, 20),
        (235,) * 3,
    ]
    picture = np.empty((height, width, 3), np.uint8)
    for index in range(6):
        row, column = divmod(index, 3)
        rows = slice(row * height // 2, (row + 1) * height // 2)
        columns = slice(column * width // 3, (column + 1) * width // 3)
        picture[rows, columns] = colours[(index + shift) % 6]
    return picture


def middles(picture):
    """The colours in the middles of the six patches, as an array of shape (6, 3)."""
    height, width = picture.shape[:2]
    return np.array(
        [
            picture[height // 4 + row * height // 2, width // 6 + column * width // 3]
            for row in range(2)
            for column in range(3)
        ],
        int,
    )


@pytest.fixture
def frames():
    """A function that makes `count` read-only frames of patches, 25 a second."""

    def make(width, height, count):
        made = []
        for seq in range(count):
            pixels = patches(width, height, seq)
            pixels.flags.writeable = False
            made.append(Frame(pixels, seq, float(seq), media_time=seq / 25))
        return made

    return make


@pytest.fixture
def same_colours():
    """A function that asserts that two pictures show the same patches, within YUV's rounding."""

    def check(shown, pixels, tolerance=6):
        assert shown.shape == pixels.shape
        assert np.abs(middles(shown) - middles(pixels)).max() <= tolerance

    return check
