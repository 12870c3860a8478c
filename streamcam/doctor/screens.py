"""The screens that can be captured."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from streamcam.capture.screen import permission
from streamcam.capture.screen.desktop import is_hidden
from streamcam.capture.screen.wayland import is_wayland
from streamcam.doctor import Finding
from streamcam.errors import UsageError

_TOPIC = "source"


def check() -> Iterator[Finding]:
    from streamcam.capture.screen import is_shared, visible_screens

    if is_shared():
        text = "the desktop portal is there: it asks which screen to share, and remembers it"
        yield Finding(_TOPIC, "screen", "ok", f"on {_server()}: {text}")
        return
    kept = permission.withheld()  # before the first picture, for which macOS would ask its user
    if kept is not None:
        yield Finding(_TOPIC, "screen", "note", kept.text, kept.fix)
        return
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
    if is_wayland():
        return "Wayland"
    display = os.environ.get("DISPLAY")
    if display and is_hidden():
        return f"Xwayland {display}"
    return f"X11 {display}" if display else "no display server"
