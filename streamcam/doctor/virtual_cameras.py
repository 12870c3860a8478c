"""The virtual cameras: whether one can take our picture, and how to get or mend one."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from streamcam.capture.camera.holders import holders
from streamcam.capture.camera.permission import ALLOW_ON_LINUX
from streamcam.doctor import Finding, State, v4l2
from streamcam.sink.virtualcam.devices import MODPROBE, VirtualDevice, how_to_get_one, list_devices
from streamcam.sink.virtualcam.taken import how_to_free, is_taken

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
    devices = list_devices()
    for device in devices:
        if sys.platform == "linux":
            yield _looked_at(device)
        elif is_taken(device.path):
            text = f"{device.label} is taken: another program sends pictures to it"
            yield Finding(_TOPIC, device.path, "note", text, how_to_free())
        else:
            yield Finding(_TOPIC, device.path, "ok", "installed")
    if len(devices) > 1:
        text = f"streamcam takes the first free one of {len(devices)} virtual cameras"
        yield Finding(_TOPIC, "several", "ok", text, "--output virtualcam:NAME takes another")
    if not devices:
        text = "there is no virtual camera"
        yield Finding(_TOPIC, "virtual camera", "problem", text, how_to_get_one())


def _looked_at(device: VirtualDevice) -> Finding:
    try:
        can = v4l2.capabilities(device.path) & _BOTH
    except PermissionError:
        text = f"{device.label}: no permission"
        return Finding(_TOPIC, device.path, "problem", text, ALLOW_ON_LINUX)
    except OSError as error:
        text = f"{device.label}: {error.strerror}"
        return Finding(_TOPIC, device.path, "problem", text, _RELOAD)
    state, text, fix = _CONDITIONS[can]
    if can == v4l2.CAN_CAPTURE:
        text += " and ".join(holders(device.path)) or "a program of another user"
    return Finding(_TOPIC, device.path, state, f"{device.label}: {text}", fix)
