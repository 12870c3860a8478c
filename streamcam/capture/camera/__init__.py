"""Source `camera`: a camera by number, name or device path, through OpenCV."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from cv2_enumerate_cameras import enumerate_cameras
from numpy.typing import NDArray

from streamcam.capture import FilmInfo, Wanted
from streamcam.capture.camera import permission
from streamcam.capture.camera.device import (
    API,
    INTERFACE,
    VideoCapture,
    negotiate,
    open_device,
    reaches,
    release,
    retrieved,
    to_rgb,
    why_closed,
)
from streamcam.clock.pace import SYSTEM_CLOCK, Clock
from streamcam.errors import SourceLost, UsageError, quoted, words
from streamcam.frames import Frame, FramePool

_OURS = "streamcam"  # in the name of our own virtual camera
_FIRST_PICTURE_SECONDS = 5.0  # seconds a camera may take for its first picture
_SILENCE_SECONDS = 2.0  # seconds without a picture after which a camera counts as lost
_RETRY_SECONDS = 0.02  # seconds between attempts: an unplugged camera fails at once, every time


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

    On macOS its user is asked first, once, and waited for. Raises `UsageError` if there is none,
    and says if the system keeps it from this program or another program has it.
    """
    permission.ask(wanted.stop)
    camera = find(argument, list_cameras())
    if sys.platform == "darwin" and (kept := permission.withheld()):
        raise UsageError(f"{camera} cannot be opened: {kept}.")
    try:
        device = open_device(camera.index)
    except Exception as error:
        raise _cannot_open(camera, error) from error
    return CameraSource(device, camera, wanted)


def list_cameras() -> list[Camera]:
    """The cameras of this machine, by number. Opens none of them.

    Raises `UsageError` if the system does not list them.
    """
    try:
        found = [
            Camera(one.index, one.name or f"camera {one.index}", one.path or "", INTERFACE)
            for one in enumerate_cameras(API)
        ]
    except Exception as error:
        raise UsageError(
            f"the cameras of this machine cannot be listed ({words(error)}): plug them in again, "
            "or use --source screen, --source demo or a video file."
        ) from error
    return sorted(found, key=lambda camera: camera.index)


def find(argument: str, cameras: list[Camera]) -> Camera:
    """The camera that `argument` means. Raises `UsageError` listing what there is."""
    if not cameras:
        if kept := permission.withheld():
            raise UsageError(f"no camera can be seen: {kept}.")
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

    film: FilmInfo | None = None
    notice = ""

    def __init__(
        self, device: VideoCapture, camera: Camera, wanted: Wanted, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._device = device
        self._camera = camera
        self._clock = clock
        self._decoded: NDArray[Any] | None = None  # into this, picture after picture
        try:
            self.fps = self._start(wanted)
            self.height, self.width = self._first_shape()
        except BaseException as error:
            release(device)
            if isinstance(error, UsageError) or not isinstance(error, Exception):
                raise
            raise _cannot_open(camera, error) from error
        got, asked = (self.width, self.height), (wanted.width, wanted.height)
        self.label = f"{camera}, {self.width}x{self.height} at {self.fps:g} fps"
        if got != asked or not reaches(self.fps, wanted):
            self.label += f" (asked for {wanted.width}x{wanted.height} at {wanted.fps:g})"
        self._pool = FramePool(self.width, self.height)
        self._last_at = clock.now()
        self._seq = 0

    def read(self) -> Frame | None:
        """The next picture, in whatever size it has; None: the camera skipped one.

        Waits for it at most a second, as OpenCV does on every system. `captured_at` is the moment
        the driver handed the picture over.

        Raises `SourceLost` after two seconds without a picture, and for whatever OpenCV raises.
        """
        try:
            return self._read()
        except SourceLost:
            raise
        except Exception as error:
            raise SourceLost(f"{self._camera} broke off: {words(error, cv2.error)}") from error

    def close(self) -> None:
        """Release the camera. May be called twice."""
        release(self._device)

    def _read(self) -> Frame | None:
        if not self._device.grab():
            self._missed()
            return None
        captured_at = self._clock.now()
        picture = retrieved(self._device, self._decoded)
        if picture is None:
            self._missed()
            return None
        self._decoded = picture
        self._last_at = captured_at
        if picture.shape[:2] != (self.height, self.width):
            self.height, self.width = picture.shape[:2]
            self._pool = FramePool(self.width, self.height)
        frame = Frame(to_rgb(picture, self._pool.take()), self._seq, captured_at)
        self._seq += 1
        return frame

    def _missed(self) -> None:
        if self._clock.now() - self._last_at > _SILENCE_SECONDS:
            raise SourceLost(f"{self._camera} was unplugged or stopped delivering")
        self._clock.sleep(_RETRY_SECONDS)

    def _start(self, wanted: Wanted) -> float:
        if not self._device.isOpened():
            raise UsageError(f"{self._camera} cannot be opened: {why_closed(self._camera.path)}.")
        return negotiate(self._device, wanted)

    def _first_shape(self) -> tuple[int, int]:
        """(height, width) of the first picture, which is not always what was agreed."""
        until = self._clock.now() + _FIRST_PICTURE_SECONDS
        while self._clock.now() < until:
            picture = retrieved(self._device, None) if self._device.grab() else None
            if picture is not None:
                self._decoded = picture
                height, width = picture.shape[:2]
                to_rgb(picture, np.empty((height, width, 3), np.uint8))  # can they be converted?
                return height, width
            self._clock.sleep(_RETRY_SECONDS)
        raise UsageError(f"{self._camera} delivers no picture: {why_closed(self._camera.path)}.")


def _cannot_open(camera: Camera, error: Exception) -> UsageError:
    reason = f"{words(error, cv2.error)}; {why_closed(camera.path)}."
    return UsageError(f"{camera} cannot be opened: {reason}")


def _is_ours(camera: Camera) -> bool:
    return _OURS in camera.name.casefold()


def _matches(argument: str, cameras: list[Camera]) -> list[Camera]:
    if argument.isascii() and argument.isdecimal():
        return [one for one in cameras if str(one.index) == (argument.lstrip("0") or "0")]
    if argument.startswith(("/", "\\")):
        target = os.path.realpath(argument)  # /dev/v4l/by-id/… are links
        return [one for one in cameras if one.path in (argument, target)]
    name = argument.casefold()
    exact = [one for one in cameras if one.name.casefold() == name]
    return exact or [one for one in cameras if name in one.name.casefold()]
