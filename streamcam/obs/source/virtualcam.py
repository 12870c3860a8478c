"""Virtualcam: OBS's Video Capture Device, on the virtual camera that the program writes to."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection

from streamcam.errors import UsageError
from streamcam.obs.program import Shown
from streamcam.obs.source import Settings, Wanted
from streamcam.sink.virtualcam.devices import OBS

_LINUX, _WINDOWS = "v4l2_input", "dshow_input"
KINDS = (_LINUX, _WINDOWS)
_OUTPUT = "virtualcam:"
_UNBUFFERED = 2  # DirectShow: 0 as OBS thinks best, 1 on, 2 off

_WORDS = {
    "device_id": "it shows another device",
    "buffering": "it buffers (Use Buffering)",
    "resolution": "its Resolution is set, and the device has one only",
    "framerate": "its Frame Rate is set, and the device has one only",
    "pixelformat": "its Video Format is set, and the device has one only",
    "res_type": "its Resolution/FPS Type is set, and the device has one only",
}


def wanted(shown: Shown, kinds: Collection[str], platform: str = sys.platform) -> Wanted:
    """See the package."""
    device = _device(shown)
    if device is None:
        raise UsageError("streamcam sends to no virtual camera: start it with --output virtualcam")
    if platform == "darwin" or device == OBS:
        raise UsageError(
            f"{OBS} is OBS's own, and OBS cannot be fed by it: leave out --as, or take --as media"
        )
    kind = _LINUX if platform == "linux" else _WINDOWS
    if kind not in kinds:
        raise UsageError("this OBS has no Video Capture Device")
    what = f"Video Capture Device of {device}"
    if kind == _LINUX:
        own = dict.fromkeys(("resolution", "framerate", "pixelformat"), -1)
        settings = {"device_id": device, "buffering": False, **own}
        return Wanted(kind, settings, what, words=_WORDS)
    settings = {"buffering": _UNBUFFERED, "res_type": 0}
    return Wanted(kind, settings, what, device=device, device_key="video_device_id", words=_WORDS)


def shows(settings: Settings, shown: Shown, taken: Collection[int]) -> bool:
    """See the package."""
    del taken
    device = _device(shown)
    if device is None:
        return False
    if "device_id" in settings:
        return os.path.realpath(str(settings["device_id"])) == os.path.realpath(device)
    # DirectShow's identifier is the name, a colon, and a path that virtual cameras have not.
    return str(settings.get("video_device_id", "")).partition(":")[0] == device


def _device(shown: Shown) -> str | None:
    named = (one.removeprefix(_OUTPUT) for one in shown.outputs if one.startswith(_OUTPUT))
    return next(named, None)
