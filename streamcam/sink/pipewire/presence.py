"""Whether PipeWire can be reached from this process, and what to do if it cannot."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from streamcam.obstacles import Obstacle
from streamcam.packages import install_command
from streamcam.pipewire import library

_START = "systemctl --user start pipewire wireplumber"
_TIMEOUT_SECONDS = 1.0  # seconds for an answer on this machine


def pipewire_obstacle(environment: Mapping[str, str] = os.environ) -> Obstacle | None:
    """What is in the way; None if PipeWire answers. Changes nothing and opens no camera."""
    if sys.platform != "linux":
        return Obstacle("PipeWire is part of Linux desktops", "use --output virtualcam")
    try:
        library.load()
    except OSError:
        return Obstacle(f"{library.NAME} is not installed", _install())
    folder = environment.get("PIPEWIRE_RUNTIME_DIR") or environment.get("XDG_RUNTIME_DIR")
    if not folder:
        fix = "run it in a desktop session, or first: export XDG_RUNTIME_DIR=/run/user/$(id -u)"
        return Obstacle("PipeWire cannot be found, as XDG_RUNTIME_DIR is not set", fix)
    path = Path(folder, environment.get("PIPEWIRE_REMOTE") or "pipewire-0")
    if not _answers(path):
        return Obstacle(f"no PipeWire runs in this session ({path} does not answer)", _START)
    return None


def _install() -> str:
    packages = "pipewire wireplumber"  # the same everywhere
    return install_command(apt=packages, dnf=packages, pacman=packages, zypper=packages)


def _answers(path: Path) -> bool:
    if sys.platform == "win32":  # has no such sockets
        return False
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(_TIMEOUT_SECONDS)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True
