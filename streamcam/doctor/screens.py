"""The screens that can be captured."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from streamcam.doctor import Finding
from streamcam.errors import UsageError

_TOPIC = "source"


def check() -> Iterator[Finding]:
    """See module."""
    from streamcam.capture.screen import visible_screens

    try:
        screens = visible_screens()
    except UsageError as error:
        yield Finding(_TOPIC, "screen", "note", f"on {_server()}: {error}")
        return
    for one in screens:
        text = f"{one.width}x{one.height} at {one.x},{one.y}, on {_server()}"
        yield Finding(_TOPIC, f"screen:{one.number}", "ok", text)


def _server() -> str:
    """The display server of this session."""
    if sys.platform != "linux":
        return "the desktop"
    if os.environ.get("WAYLAND_DISPLAY"):
        return "Wayland"
    display = os.environ.get("DISPLAY")
    return f"X11 {display}" if display else "no display server"
