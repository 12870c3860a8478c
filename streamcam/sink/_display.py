"""Whether a window can be opened. Qt would not say: without a display it aborts the process."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping
from ctypes.util import find_library

from streamcam.errors import UsageError, quoted

_INSTEAD = "use --output web, which shows the picture in a browser"


def require_display(environment: Mapping[str, str] = os.environ) -> None:
    """Raise `UsageError` if this session has no display that OpenCV's windows can use."""
    if sys.platform != "linux":
        return
    display = environment.get("DISPLAY")
    if not display and environment.get("WAYLAND_DISPLAY"):
        # The Qt inside opencv-python knows X11 alone.
        raise UsageError(f"a window needs XWayland here (DISPLAY is not set): {_INSTEAD}")
    if not display:
        raise UsageError(f"a window needs a display, and there is none here: {_INSTEAD}")
    if not _answers(display):
        raise UsageError(
            f"a window needs a display, and {quoted(display)} does not answer: {_INSTEAD}"
        )


def _answers(display: str) -> bool:
    """Whether the X server lets us in. True if there is no libxcb to ask with."""
    name = find_library("xcb")
    if name is None:
        return True
    xcb = ctypes.CDLL(name)
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(display.encode(), None))
    refused: int = xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    return refused == 0
