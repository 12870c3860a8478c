"""Virtualcam: a camera that OBS, Zoom, Discord and browsers can choose, through pyvirtualcam."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Protocol

import cv2
import numpy as np

from streamcam.errors import SinkFailed, UsageError
from streamcam.frames import Frame, Pixels
from streamcam.sink import Format
from streamcam.sink._devices import Device, how_to_get_one, list_devices, revive

__all__ = ["Device", "VirtualCamera", "list_devices", "open_sink"]

# What each backend of pyvirtualcam is given: the format it passes on as it is, where OpenCV can
# make that in one pass (on all cores, without the interpreter lock, into the same buffer each
# time). pyvirtualcam's own way from RGB runs on one core, and takes two passes on macOS.
#   v4l2loopback  I420, which every Linux program reads
#   obs           UYVY on macOS. NV12 on Windows, which OpenCV cannot make: with I420, what is
#                 left is to interleave the chroma
#   unitycapture  RGBA, full chroma
_PASSED_ON = {
    "v4l2loopback": ("I420", cv2.COLOR_RGB2YUV_I420),
    "obs": ("UYVY", cv2.COLOR_RGB2YUV_UYVY)
    if sys.platform == "darwin"
    else ("I420", cv2.COLOR_RGB2YUV_I420),
    "unitycapture": ("RGBA", cv2.COLOR_RGB2RGBA),
}
_SHAPES: dict[str, Callable[[int, int], tuple[int, ...]]] = {
    "I420": lambda width, height: (height * 3 // 2, width),
    "UYVY": lambda width, height: (height, width, 2),
    "RGBA": lambda width, height: (height, width, 4),
}
_BACKENDS = {"linux": ["v4l2loopback"], "darwin": ["obs"], "win32": ["obs", "unitycapture"]}


class Camera(Protocol):
    """The part of `pyvirtualcam.Camera` that is used."""

    @property
    def device(self) -> str:
        """Name of the device that was opened."""
        ...

    def send(self, frame: Pixels) -> None:
        """Show a picture in the camera's format; `RuntimeError` or `OSError` if it cannot."""
        ...

    def close(self) -> None:
        """Free the device."""
        ...


class VirtualCamera:
    """Converts each picture to the format of its `camera`, which it owns, and sends it.

    pyvirtualcam does not report a failed write on Linux (it prints a line); elsewhere it does.
    """

    paced = True
    main_thread = False

    def __init__(self, camera: Camera, backend: str, form: Format) -> None:
        name, self._code = _PASSED_ON[backend]
        self.label = f"virtual camera {camera.device} ({name})"
        self._camera: Camera | None = camera
        self._converted: Pixels = np.empty(_SHAPES[name](form.width, form.height), np.uint8)

    def write(self, frame: Frame) -> None:
        """Show the frame. Raises `SinkFailed`."""
        if self._camera is None:
            raise SinkFailed(f"{self.label} is closed")
        cv2.cvtColor(frame.pixels, self._code, dst=self._converted)
        try:
            self._camera.send(self._converted)
        except (RuntimeError, OSError) as error:
            raise SinkFailed(f"{self.label} does not take pictures any more: {error}") from error

    def close(self) -> None:
        """Free the device."""
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.close()


Opener = Callable[[str, str | None, Format], Camera]


def _open_camera(backend: str, device: str | None, form: Format) -> Camera:
    """Open `device` (None: any) for the format in `_PASSED_ON`. `RuntimeError` says why not."""
    import pyvirtualcam

    pixel_format = pyvirtualcam.PixelFormat[_PASSED_ON[backend][0]]
    camera: Camera = pyvirtualcam.Camera(
        form.width, form.height, form.fps, fmt=pixel_format, device=device, backend=backend
    )
    return camera


def open_sink(
    argument: str, form: Format, opener: Opener = _open_camera, platform: str = sys.platform
) -> VirtualCamera:
    """Open the device with the path or label `argument`; "" takes the first that is free.

    Raises `UsageError` with what to do on this machine to get one.
    """
    if form.width % 2 or form.height % 2:
        raise UsageError(
            f"a virtual camera cannot show {form.width}x{form.height}: it needs an even width and "
            f"height; use --size {form.width // 2 * 2}x{form.height // 2 * 2}"
        )
    devices = list_devices()
    reasons = []
    for backend in _BACKENDS.get(platform, []):
        for device in _candidates(argument, devices, platform):
            try:
                return VirtualCamera(_open_or_revive(backend, device, form, opener), backend, form)
            except RuntimeError as error:
                reasons.append(" ".join(str(error).split()))
    raise UsageError(_no_camera(argument, devices, reasons))


def _candidates(argument: str, devices: list[Device], platform: str) -> list[str | None]:
    """What to open, in order. None leaves the choice to pyvirtualcam."""
    if argument:
        return [next((device.path for device in devices if device.label == argument), argument)]
    if platform == "linux":  # pyvirtualcam would stop at the first, even if it is taken
        return [device.path for device in devices]
    return [None]


def _open_or_revive(backend: str, device: str | None, form: Format, opener: Opener) -> Camera:
    try:
        return opener(backend, device, form)
    except RuntimeError as error:
        stuck = device is not None and "not a video output device" in str(error)
        if not (stuck and device in [known.path for known in list_devices()] and revive(device)):
            raise
    return opener(backend, device, form)


def _no_camera(argument: str, devices: list[Device], reasons: list[str]) -> str:
    if argument and devices and argument not in [device.path for device in devices]:
        known = ", ".join(f"{device.path} ({device.label})" for device in devices)
        return f"no virtual camera {argument!r}; this machine has {known}"
    if devices:
        return f"no virtual camera can be opened: {'; '.join(reasons)}"
    missing = (
        f"there is no virtual camera {argument!r}" if argument else "there is no virtual camera"
    )
    return f"{missing} on this machine; to get one: {how_to_get_one()}"
