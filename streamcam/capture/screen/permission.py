"""Permission: whether macOS lets this program record the screen. Other systems ask through their
desktop's portal, or not at all."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from streamcam.obstacles import Obstacle

_ALLOW = (
    "allow it in System Settings → Privacy & Security → Screen & System Audio Recording, then "
    "quit and reopen the terminal"
)
_LIBRARY = "/System/Library/Frameworks/CoreGraphics.framework/CoreGraphics"  # as mss loads it


def withheld() -> Obstacle | None:
    """What keeps the screen from this program; None if nothing is known to. Asks nothing.

    Without it macOS takes pictures all the same: of the desktop's background, without a window.
    """
    if sys.platform == "darwin" and not _answered("CGPreflightScreenCaptureAccess"):
        return Obstacle("macOS does not let this terminal record the screen", _ALLOW)
    return None


def ask() -> None:
    """Have macOS ask its user, once in the life of a terminal program. The answer counts for
    programs that begin after it."""
    if sys.platform == "darwin":
        _answered("CGRequestScreenCaptureAccess")


def _answered(function: str) -> bool:
    """Both are without arguments, since macOS 10.15. True where they cannot be called."""
    try:
        called: Any = getattr(_core_graphics(), function)
    except (OSError, AttributeError):
        return True
    called.restype = ctypes.c_bool
    return bool(called())


def _core_graphics() -> Any:  # noqa: ANN401  # ctypes knows no types
    return ctypes.CDLL(_LIBRARY)
