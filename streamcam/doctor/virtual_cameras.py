"""The virtual cameras: whether one can take our picture, and how to get or mend one."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from streamcam.doctor import Finding, State, v4l2
from streamcam.sink.virtualcam.devices import MODPROBE, Device, how_to_get_one, list_devices

_TOPIC = "virtual camera"
_RELOAD = f"sudo modprobe -r v4l2loopback && {MODPROBE}"
_BOTH = v4l2.CAN_CAPTURE | v4l2.CAN_OUTPUT
# With exclusive_caps=1 a device can do one thing at a time: be written to, or be a camera.
_CONDITIONS: dict[int, tuple[State, str, str]] = {
    v4l2.CAN_OUTPUT: ("ok", "free", ""),
    v4l2.CAN_CAPTURE: ("ok", "shows a picture; open in ", ""),
    _BOTH: ("note", "ready, but Chrome and Zoom do not list it (exclusive_caps=0)", _RELOAD),
    0: (
        "note",
        "forgot what it is when its last writer left (v4l2loopback 0.12)",
        "streamcam frees it when it starts",
    ),
}


def check() -> Iterator[Finding]:
    """See module."""
    devices = list_devices()
    for device in devices:
        if sys.platform == "linux":
            yield _looked_at(device)
        else:
            yield Finding(_TOPIC, device.path, "ok", "installed")
    if not devices:
        yield Finding(_TOPIC, "virtual camera", "problem", "none on this machine", how_to_get_one())


def _looked_at(device: Device) -> Finding:
    try:
        can = v4l2.capabilities(device.path) & _BOTH
    except PermissionError:
        text = f"{device.label}: no permission"
        return Finding(_TOPIC, device.path, "problem", text, v4l2.GET_PERMISSION)
    except OSError as error:
        text = f"{device.label}: {error.strerror}"
        return Finding(_TOPIC, device.path, "problem", text, _RELOAD)
    state, text, fix = _CONDITIONS[can]
    if can == v4l2.CAN_CAPTURE:
        text += " and ".join(v4l2.holders(device.path)) or "a program of another user"
    return Finding(_TOPIC, device.path, state, f"{device.label}: {text}", fix)
