"""A camera as OpenCV drives it: opening it quietly, agreeing on size and rate."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any, Protocol

import cv2
import numpy as np
from cv2.utils import logging
from numpy.typing import NDArray

from streamcam.capture import Wanted
from streamcam.capture.camera.holders import holders
from streamcam.capture.camera.permission import withheld
from streamcam.frames import Pixels
from streamcam.obstacles import Obstacle

# One interface a system, so that numbers mean the same in every list. On Windows DirectShow:
# it opens at once and shows virtual cameras such as OBS's, which Media Foundation does not.
_INTERFACES = {
    "linux": ("V4L2", cv2.CAP_V4L2),
    "win32": ("DirectShow", cv2.CAP_DSHOW),
    "darwin": ("AVFoundation", cv2.CAP_AVFOUNDATION),
}
INTERFACE, API = _INTERFACES.get(sys.platform, ("OpenCV", cv2.CAP_ANY))

_MOTION_JPEG = cv2.VideoWriter.fourcc(*"MJPG")
# One buffer for the driver to fill while we read the other. With a single one it has to leave
# out every picture that begins while we decode: half the rate.
_BUFFERS = 2
_FASTEST = 1000  # frames per second; a clock's rate, such as 90000, is none
_TO_RGB = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}  # by channels


class VideoCapture(Protocol):
    """What is used of `cv2.VideoCapture`."""

    def isOpened(self) -> bool:
        """Whether the camera could be opened."""
        ...

    def set(self, prop: int, value: float) -> bool:
        """Ask for a setting."""
        ...

    def get(self, prop: int) -> float:
        """A setting as it is; 0 if unknown."""
        ...

    def grab(self) -> bool:
        """Wait for the next picture."""
        ...

    def retrieve(self, image: NDArray[Any] | None) -> tuple[bool, NDArray[Any] | None]:
        """Decode the grabbed picture, BGR, into `image` if that fits."""
        ...

    def release(self) -> None:
        """Close the camera. May be called twice."""
        ...


def open_device(index: int) -> VideoCapture:
    """Open a camera. If that fails the device is not `isOpened`.

    Silences OpenCV for the rest of the process: its return values say the same, and its lines on
    stderr would tear the status line.
    """
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    if sys.platform == "linux":
        # How long a grab waits for a picture; OpenCV's own ten seconds would hold up a stop.
        os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "1")
    if sys.platform == "darwin":
        # OpenCV's own question, asked from this thread, fails with three lines on stderr.
        os.environ.setdefault("OPENCV_AVFOUNDATION_SKIP_AUTH", "1")
    return cv2.VideoCapture(index, API)


def negotiate(device: VideoCapture, wanted: Wanted) -> float:
    """Ask for size and rate. Returns the granted rate, or the wanted one if the driver's figure is
    none. Compressed if it needs to be: USB 2 carries 1280x720 ten times a second otherwise.
    """
    device.set(cv2.CAP_PROP_BUFFERSIZE, _BUFFERS)
    size, fps = _ask(device, wanted)
    enough = size == (wanted.width, wanted.height) and reaches(fps, wanted)
    if not enough and device.set(cv2.CAP_PROP_FOURCC, _MOTION_JPEG):
        size, fps = _ask(device, wanted)
    return fps if 0 < fps < _FASTEST else wanted.fps


def _ask(device: VideoCapture, wanted: Wanted) -> tuple[tuple[int, int], float]:
    device.set(cv2.CAP_PROP_FRAME_WIDTH, wanted.width)
    device.set(cv2.CAP_PROP_FRAME_HEIGHT, wanted.height)
    device.set(cv2.CAP_PROP_FPS, wanted.fps)
    width, height = device.get(cv2.CAP_PROP_FRAME_WIDTH), device.get(cv2.CAP_PROP_FRAME_HEIGHT)
    return (int(width), int(height)), device.get(cv2.CAP_PROP_FPS)


def release(device: VideoCapture) -> None:
    """Close the camera. May be called twice. Errors of a camera that is gone are ignored."""
    with suppress(Exception):
        device.release()


def retrieved(device: VideoCapture, into: NDArray[Any] | None) -> NDArray[Any] | None:
    """The grabbed picture, decoded `into` an earlier one if that fits; None if it is damaged.

    (height, width) or (height, width, channels): OpenCV gives BGR, other drivers' backends grey
    and BGRA as well.
    """
    decoded, picture = device.retrieve(into)
    return picture if decoded and picture is not None and picture.size else None


def to_rgb(picture: NDArray[Any], rgb: Pixels) -> Pixels:
    """Grey, BGR and BGRA pictures of 8 or 16 bits as RGB, in `rgb`, which is (height, width, 3)
    uint8. Raises `ValueError` for others.
    """
    channels = picture.shape[2] if picture.ndim == 3 else 1
    if channels not in _TO_RGB or picture.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"its pictures have {channels} channels of {picture.dtype}")
    if picture.dtype == np.uint16:
        picture = cv2.convertScaleAbs(picture, alpha=1 / 257)
    return np.asarray(cv2.cvtColor(picture, _TO_RGB[channels], dst=rgb), np.uint8)


def reaches(fps: float, wanted: Wanted) -> bool:
    """Whether `fps` is what was asked for, or nearly."""
    return fps >= 0.9 * wanted.fps


def why_closed(path: str) -> Obstacle:
    """What most likely keeps a camera that is there from working, and what to do.

    path  its device file, on Linux
    """
    kept = withheld(path)
    if kept is not None:
        return kept
    held = " and ".join(holders(path))
    if held:
        return Obstacle(f"{held} uses it", f"close {held}, or use --source screen")
    return Obstacle(
        "another program seems to use it",
        "close Zoom, Teams, OBS and browser tabs that show it, or use --source screen",
    )
