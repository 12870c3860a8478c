"""Virtualcam: a camera that OBS, Zoom, Discord and browsers can choose, through pyvirtualcam."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Protocol

import cv2
import numpy as np

from streamcam.errors import SinkFailed, UsageError, quoted
from streamcam.frames import Frame, Pixels
from streamcam.sink import Format
from streamcam.sink.virtualcam.devices import OBS, VirtualDevice, how_to_get_one, list_devices
from streamcam.sink.virtualcam.i420 import ToI420
from streamcam.sink.virtualcam.loopback import loopback_obstacle, revive
from streamcam.sink.virtualcam.readers import watch_readers
from streamcam.sink.virtualcam.taken import how_to_free, is_taken

__all__ = ["VirtualCamera", "VirtualDevice", "list_devices", "open_sink"]

# What each backend of pyvirtualcam is given: the format it passes on as it is, or the nearest that
# OpenCV can make (without the interpreter lock, into the same buffer each time). pyvirtualcam's own
# way from RGB takes two passes on macOS.
_BACKENDS = {
    "linux": [("v4l2loopback", "I420")],  # which every program reads
    "darwin": [("obs", "UYVY")],
    # OBS wants NV12, which OpenCV cannot make. From I420, all that is left is to interleave.
    "win32": [("obs", "I420"), ("unitycapture", "RGBA")],
}
_SHAPES: dict[str, Callable[[int, int], tuple[int, ...]]] = {
    "I420": lambda width, height: (height * 3 // 2, width),
    "UYVY": lambda width, height: (height, width, 2),
    "RGBA": lambda width, height: (height, width, 4),
}
# Of UYVY, OpenCV makes the mean of the chroma of two pixels.
_CODES = {"UYVY": cv2.COLOR_RGB2YUV_UYVY, "RGBA": cv2.COLOR_RGB2RGBA}

_OBS = "obs"  # the name of its process


class PyVirtualCam(Protocol):
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

    device  what was opened, as `VirtualDevice.path` names it

    Linux's pixels are Y'CbCr, and the driver does not say by which matrix. V4L2's rule, and so
    browsers and most programs, takes BT.601; OBS takes BT.709 for every size, in which 601's green
    is 40 of 255 too dark. So they are BT.709 while every reader of the device is known to be OBS,
    else BT.601. A reader that opens or closes the device is noticed within a second.
    pyvirtualcam does not report a failed write on Linux (it prints a line); elsewhere it does.
    """

    paced = True
    main_thread = False
    finishes: str | None = None

    def __init__(
        self, camera: PyVirtualCam, pixel_format: str, form: Format, passed_over: str = ""
    ) -> None:
        """`passed_over`: why other devices were not taken, for the label."""
        self._code = _CODES.get(pixel_format)
        self.alpha = pixel_format == "RGBA"  # Unity Capture, whose readers may mix it
        self.device = camera.device
        self.label = f"virtual camera {camera.device} ({pixel_format})"
        self.reopen_as: str | None = f"virtualcam:{camera.device}"  # this device only
        self._readers = watch_readers(camera.device)
        self._to_i420 = ToI420(form.width, form.height)
        if passed_over:
            self.label += f", as {passed_over}"
        self._camera: PyVirtualCam | None = camera
        self._converted: Pixels = np.empty(_SHAPES[pixel_format](form.width, form.height), np.uint8)

    @property
    def watched(self) -> bool:
        """Read by one thread."""
        readers = self._readers
        return readers is None or readers.count() > 0

    def write(self, frame: Frame) -> None:
        """Show the frame. Raises `SinkFailed`."""
        if self._camera is None:
            raise SinkFailed(f"{self.label} is closed")
        if self.alpha and frame.cut_out is not None:
            np.copyto(self._converted, frame.cut_out)
        else:
            self._convert(frame.pixels)
        try:
            self._camera.send(self._converted)
        except (RuntimeError, OSError) as error:
            raise SinkFailed(f"{self.label} does not take pictures any more: {error}") from error

    def _convert(self, rgb: Pixels) -> None:
        if self._code is not None:
            cv2.cvtColor(rgb, self._code, dst=self._converted)
            return
        readers = self._readers
        only_obs = readers is not None and readers.all_are(_OBS)
        self._to_i420(rgb, self._converted, "bt709" if only_obs else "bt601")

    def close(self) -> None:
        """Free the device."""
        camera, self._camera = self._camera, None
        readers, self._readers = self._readers, None
        if readers is not None:
            readers.close()
        if camera is not None:
            camera.close()


class Opener(Protocol):
    """Opens a device (None: any) for pictures in `pixel_format`. `RuntimeError` says why not."""

    def __call__(
        self, backend: str, pixel_format: str, device: str | None, form: Format
    ) -> PyVirtualCam:
        """The opened camera."""
        ...


def _open_camera(backend: str, pixel_format: str, device: str | None, form: Format) -> PyVirtualCam:
    import pyvirtualcam

    camera: PyVirtualCam = pyvirtualcam.Camera(
        form.width,
        form.height,
        form.fps,
        fmt=pyvirtualcam.PixelFormat[pixel_format],
        device=device,
        backend=backend,
    )
    return camera


def open_sink(
    argument: str, form: Format, opener: Opener = _open_camera, platform: str = sys.platform
) -> VirtualCamera:
    """Open the device with the path or label `argument`; "" takes the first that is free, and
    the label says which were not. One that another program sends pictures to is never taken.

    Raises `UsageError` with what to do on this machine to get one.
    """
    if form.width % 2 or form.height % 2:
        even = f"{form.width // 2 * 2}x{form.height // 2 * 2}"
        raise UsageError(
            f"a virtual camera cannot show {form.width}x{form.height}: it needs an even width and "
            f'height; in the preset, below [output]: size = "{even}"'
        )
    devices = list_devices()
    reasons = []
    for backend, pixel_format in _BACKENDS.get(platform, []):
        opening = partial(opener, backend, pixel_format, form=form)
        for device in _candidates(argument, devices, platform):
            try:
                if backend == "obs" and is_taken(OBS):
                    raise RuntimeError(f"{OBS} is taken: {how_to_free()}")  # noqa: TRY301  # one more reason
                camera = _open_or_revive(opening, device, devices, form)
            except RuntimeError as error:
                reasons.append(" ".join(str(error).split()))
            else:
                passed_over = "; ".join(reasons) if len(devices) > 1 else ""
                sink = VirtualCamera(camera, pixel_format, form, passed_over)
                return _claimed(sink, form) if platform == "linux" else sink
    raise UsageError(_no_camera(argument, devices, reasons))


def _claimed(sink: VirtualCamera, form: Format) -> VirtualCamera:
    """`sink`, black until there is a picture. With its first one the device becomes a camera that
    programs list, and other writers see that it is taken."""
    sink.write(Frame(np.zeros((form.height, form.width, 3), np.uint8), 0, 0.0))
    return sink


def _candidates(argument: str, devices: list[VirtualDevice], platform: str) -> list[str | None]:
    """What to open, in order. None leaves the choice to pyvirtualcam."""
    if argument:
        named = os.path.realpath(argument) if argument.startswith("/") else argument
        return [next((device.path for device in devices if device.label == argument), named)]
    if platform == "linux":  # pyvirtualcam would stop at the first, even if it is taken
        return [device.path for device in devices]
    return [None]


def _open_or_revive(
    opening: Callable[[str | None], PyVirtualCam],
    device: str | None,
    known: list[VirtualDevice],
    form: Format,
) -> PyVirtualCam:
    if device is None:
        return opening(device)
    if hindrance := loopback_obstacle(device, form):
        raise RuntimeError(hindrance)
    try:
        return opening(device)
    except RuntimeError as error:
        stuck = "not a video output device" in str(error)
        if not (stuck and device in [loopback.path for loopback in known] and revive(device)):
            raise
    return opening(device)


def _no_camera(argument: str, devices: list[VirtualDevice], reasons: list[str]) -> str:
    names = {name for device in devices for name in (device.path, device.label)}
    if argument and devices and not {argument, os.path.realpath(argument)} & names:
        known = ", ".join(f"{device.path} ({device.label})" for device in devices)
        return f"no virtual camera {quoted(argument)}; this machine has {known}"
    if devices:
        return f"no virtual camera can be opened: {'; '.join(reasons)}"
    missing = (
        f"there is no virtual camera {quoted(argument)}"
        if argument
        else "there is no virtual camera"
    )
    return f"{missing} on this machine; to get one: {how_to_get_one()}"
