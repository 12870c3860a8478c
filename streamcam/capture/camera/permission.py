"""Permission: whether the system lets this program use cameras. macOS asks its user, Windows has
switches in its settings, Linux gives its device files to a group."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from threading import Event
from time import monotonic
from typing import Any

from streamcam.obstacles import Obstacle

_NOT_ASKED, _FORBIDDEN, _GRANTED = 0, 1, 3  # of AVAuthorizationStatus; 2: its user said no
_TIMEOUT_SECONDS = 60.0  # seconds for the user to answer macOS's question
_POLL_SECONDS = 0.1

# Where Windows keeps the three switches of Settings → Privacy & security → Camera, the first for
# all users of the machine. Each is "Allow" or "Deny". See https://learn.microsoft.com/windows/
# apps/develop/camera/camera-privacy-setting for what they do, which does not name the keys.
CONSENT = (
    "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\CapabilityAccessManager\\ConsentStore\\webcam"
)
_SWITCHES = (
    ("HKEY_LOCAL_MACHINE", CONSENT, "Camera access"),
    ("HKEY_CURRENT_USER", CONSENT, "Let apps access your camera"),
    ("HKEY_CURRENT_USER", f"{CONSENT}\\NonPackaged", "Let desktop apps access your camera"),
)

_ALLOW_ON_MACOS = (
    "allow it in System Settings → Privacy & Security → Camera, then quit and reopen the terminal"
)
ALLOW_ON_LINUX = "sudo usermod -aG video $USER, then log in again"


def withheld(path: str = "") -> Obstacle | None:
    """What keeps cameras from this program; None if nothing is known to. Asks and opens nothing.

    path  the camera's device file, on Linux
    """
    if sys.platform == "darwin":
        return _withheld_by_macos()
    if sys.platform == "win32":
        return _withheld_by_windows()
    if path and not os.access(path, os.R_OK | os.W_OK):
        return Obstacle(f"no permission for {path}", ALLOW_ON_LINUX)
    return None


def is_asked() -> bool:
    """Whether macOS is to ask its user, or asks right now."""
    return sys.platform == "darwin" and _status() == _NOT_ASKED


def ask(stop: Event) -> None:
    """Let macOS ask its user, once in the life of a terminal program, and wait for the answer.

    OpenCV asks as well, but its camera fails at once, before the user can answer, and on any
    thread but the main one. At most a minute; ends early when `stop` is set. From any thread.
    """
    if not is_asked():
        return
    answered = Event()
    media = _av_foundation()
    media.AVCaptureDevice.requestAccessForMediaType_completionHandler_(
        media.AVMediaTypeVideo, lambda _granted: answered.set()
    )
    until = monotonic() + _TIMEOUT_SECONDS
    while not (answered.wait(_POLL_SECONDS) or stop.is_set()) and monotonic() < until:
        pass


def question() -> Obstacle:
    """What macOS shows while it asks."""
    return Obstacle("macOS asks whether this terminal may use the camera", "allow it in its window")


def _withheld_by_macos() -> Obstacle | None:
    status = _status()
    if status in (None, _GRANTED):
        return None
    if status == _NOT_ASKED:
        return question()
    if status == _FORBIDDEN:
        text = "a rule of this Mac keeps the camera from every program that asks for it"
        return Obstacle(text, "see System Settings → Screen Time, or ask who manages this Mac")
    return Obstacle("macOS does not let this terminal use the camera", _ALLOW_ON_MACOS)


def _withheld_by_windows() -> Obstacle | None:
    for hive, key, switch in _SWITCHES:
        if _registered(hive, key) == "Deny":
            return Obstacle(
                f'Windows does not let desktop programs use the camera ("{switch}" is off)',
                "turn it on in Settings → Privacy & security → Camera, then start again",
            )
    return None


def _status() -> int | None:
    """The AVAuthorizationStatus of this process, which its terminal program has; None: unknown."""
    try:
        media = _av_foundation()
        status: int = media.AVCaptureDevice.authorizationStatusForMediaType_(media.AVMediaTypeVideo)
    except Exception:  # noqa: BLE001  # whatever a framework raises, opening the camera will tell
        return None
    return status


def _av_foundation() -> Any:  # noqa: ANN401  # pyobjc's module has no types
    """Installed with cv2-enumerate-cameras, which lists the cameras through it."""
    return import_module("AVFoundation")


def _registered(hive: str, key: str) -> str:
    """The value "Value" of a key; "" where there is none."""
    winreg = import_module("winreg")
    try:
        with winreg.OpenKey(getattr(winreg, hive), key) as opened:
            return str(winreg.QueryValueEx(opened, "Value")[0])
    except OSError:
        return ""
