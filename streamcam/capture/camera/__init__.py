"""Source `camera`: a camera by number, name or device path, through OpenCV."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from cv2_enumerate_cameras import enumerate_cameras
from numpy.typing import NDArray

from streamcam.capture import Wanted
from streamcam.capture._pace import SYSTEM_CLOCK, Clock
from streamcam.capture.camera.device import (
    API,
    INTERFACE,
    Device,
    negotiate,
    open_device,
    reaches,
    why_closed,
)
from streamcam.errors import SourceLost, UsageError, quoted
from streamcam.frames import Frame, FramePool

_OURS = "streamcam"  # in the name of our own virtual camera
_FIRST_PICTURE = 5.0  # seconds a camera may take for its first picture
_SILENCE = 2.0  # seconds without a picture after which a camera counts as lost
_PAUSE = 0.02  # seconds between attempts: an unplugged camera fails at once, every time


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera as the system lists it: `index` for OpenCV, `path` where there is one."""

    index: int
    name: str
    path: str
    backend: str

    def __str__(self) -> str:
        return f'camera {self.index} "{self.name}"'


def open_source(argument: str, wanted: Wanted) -> CameraSource:
    """Open the first camera (""), or one by number, name (a part will do) or device path.

    Raises `UsageError` if there is none, and says if another program has it.
    """
    camera = find(argument, list_cameras())
    return CameraSource(open_device(camera.index), camera, wanted)


def list_cameras() -> list[Camera]:
    """The cameras of this machine, by number. Opens none of them."""
    found = [
        Camera(one.index, one.name or f"camera {one.index}", one.path or "", INTERFACE)
        for one in enumerate_cameras(API)
    ]
    return sorted(found, key=lambda camera: camera.index)


def find(argument: str, cameras: list[Camera]) -> Camera:
    """The camera that `argument` means. Raises `UsageError` listing what there is."""
    if not cameras:
        raise UsageError(
            "there is no camera on this machine: plug one in, or use --source screen, "
            "--source demo or a video file."
        )
    listed = "Cameras: " + ", ".join(f'{one.index} "{one.name}"' for one in cameras) + "."
    if not argument:
        others = [one for one in cameras if not _is_ours(one)]
        if not others:
            raise UsageError(f"the only camera here is streamcam's own output. {listed}")
        return others[0]
    matches = _matches(argument, cameras)
    if not matches:
        raise UsageError(f"there is no camera {quoted(argument)} here. {listed}")
    if len(matches) > 1:
        raise UsageError(f"{quoted(argument)} fits several cameras: give the number. {listed}")
    if _is_ours(matches[0]):
        raise UsageError(f"{matches[0]} is streamcam's own output, not a source. {listed}")
    return matches[0]


class CameraSource:
    """Delivers a camera's pictures as they come. See `streamcam.capture.Source`.

    Asks for `wanted` and takes what it gets; `label` tells both if they differ. Closes `device`.
    """

    rate: Fraction | None = None

    def __init__(
        self, device: Device, camera: Camera, wanted: Wanted, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._device = device
        self._camera = camera
        self._clock = clock
        self._bgr: NDArray[Any] | None = None  # decoded into, picture after picture
        try:
            self.fps = self._start(wanted)
            self.height, self.width = self._first_shape()
        except BaseException:
            device.release()
            raise
        got, asked = (self.width, self.height), (wanted.width, wanted.height)
        self.label = f"{camera}, {self.width}x{self.height} at {self.fps:g} fps"
        if got != asked or not reaches(self.fps, wanted):
            self.label += f" (asked for {wanted.width}x{wanted.height} at {wanted.fps:g})"
        self._pool = FramePool(self.width, self.height)
        self._last_at = clock.now()
        self._seq = 0

    def read(self) -> Frame | None:
        """The next picture, waiting for it at most a second; None: the camera skipped one.

        `captured_at` is the moment the driver handed the picture over. Raises `SourceLost`
        after two seconds without a picture and when the size changes.
        """
        if not self._device.grab():
            self._missed()
            return None
        captured_at = self._clock.now()
        decoded, bgr = self._device.retrieve(self._bgr)
        if not decoded:
            self._missed()
            return None
        if bgr.shape != (self.height, self.width, 3):
            raise SourceLost(f"{self._camera} changed the size of its pictures")
        self._last_at = captured_at
        pixels = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, dst=self._pool.take())
        frame = Frame(np.asarray(pixels, np.uint8), self._seq, captured_at)
        self._seq += 1
        return frame

    def close(self) -> None:
        """Release the camera. May be called twice."""
        self._device.release()

    def _missed(self) -> None:
        if self._clock.now() - self._last_at > _SILENCE:
            raise SourceLost(f"{self._camera} was unplugged or stopped delivering")
        self._clock.sleep(_PAUSE)

    def _start(self, wanted: Wanted) -> float:
        if not self._device.isOpened():
            raise UsageError(f"{self._camera} cannot be opened: {why_closed(self._camera.path)}")
        return negotiate(self._device, wanted)

    def _first_shape(self) -> tuple[int, int]:
        """(height, width) of what really comes, which is not always what was agreed."""
        until = self._clock.now() + _FIRST_PICTURE
        while self._clock.now() < until:
            if self._device.grab():
                decoded, picture = self._device.retrieve(None)
                if decoded and picture.ndim == 3:
                    self._bgr = picture
                    return picture.shape[0], picture.shape[1]
            self._clock.sleep(_PAUSE)
        raise UsageError(f"{self._camera} delivers no picture: {why_closed(self._camera.path)}")


def _is_ours(camera: Camera) -> bool:
    return _OURS in camera.name.casefold()


def _matches(argument: str, cameras: list[Camera]) -> list[Camera]:
    if argument.isdecimal():
        return [one for one in cameras if one.index == int(argument)]
    if argument.startswith(("/", "\\")):
        target = os.path.realpath(argument)  # /dev/v4l/by-id/… are links
        return [one for one in cameras if one.path in (argument, target)]
    name = argument.casefold()
    exact = [one for one in cameras if one.name.casefold() == name]
    return exact or [one for one in cameras if name in one.name.casefold()]
