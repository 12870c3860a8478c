"""Whether a window can be opened. Qt would not say: without a display it aborts the process."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import MutableMapping
from pathlib import Path

import cv2

from streamcam.errors import UsageError, quoted
from streamcam.packages import install_command

_INSTEAD = "use --output web, which shows the picture in a browser"
_XCB = "libxcb.so.1"
_PLATFORM = "xcb"  # Qt's name for X11: the only platform that opencv-python carries


def require_display(environment: MutableMapping[str, str] = os.environ) -> None:
    """Raise `UsageError` if this session has no display that OpenCV's windows can use.

    Makes Qt take that display from then on: where the session asks for another platform, as Wayland
    desktops do with QT_QPA_PLATFORM, Qt would end the process at the first window.
    """
    if sys.platform != "linux":
        return
    display = environment.get("DISPLAY")
    if not display and environment.get("WAYLAND_DISPLAY"):
        raise UsageError(f"a window needs XWayland here (DISPLAY is not set): {_INSTEAD}")
    if not display:
        raise UsageError(f"a window needs a display, and there is none here: {_INSTEAD}")
    if not _answers(display):
        raise UsageError(
            f"a window needs a display, and {quoted(display)} does not answer: {_INSTEAD}"
        )
    _require_platform()
    environment["QT_QPA_PLATFORM"] = _PLATFORM


def _answers(display: str) -> bool:
    """Whether the X server lets us in. True if there is no libxcb to ask with."""
    try:
        xcb = ctypes.CDLL(_XCB)
    except OSError:
        return True
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(display.encode(), None))
    refused: int = xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    return refused == 0


def _require_platform() -> None:
    """Load Qt's plugin first: Qt ends the process if a library is missing that the plugin needs.

    The wheel brings most of them. An OpenCV that a distribution built brings none and is installed
    with all that it needs.
    """
    inside = Path(cv2.__file__).parent / "qt" / "plugins" / "platforms"
    for plugin in inside.glob(f"libq{_PLATFORM}.so"):
        try:
            ctypes.CDLL(str(plugin))
        except OSError as error:
            missing = str(error).partition(":")[0]
            command = install_command(
                apt="libice6 libsm6 libxext6",
                dnf="libICE libSM libXext",
                pacman="libice libsm libxext",
                zypper="libICE6 libSM6 libXext6",
            )
            raise UsageError(
                f"a window needs {missing}, which cannot be loaded here: {command}; or {_INSTEAD}"
            ) from error
