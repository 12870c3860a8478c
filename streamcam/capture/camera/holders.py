"""Holders: which programs have a camera open."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from streamcam.capture.camera.permission import CONSENT
from streamcam.open_files import PROC, holders_of


def holders(path: str, proc: Path = PROC) -> list[str]:
    """Programs beside this one that have the camera `path` open: "obs (1234)" on Linux, of other
    users' only what root sees; "Zoom.exe" on Windows, which does not say which camera it is.

    None on macOS, where programs share a camera.
    """
    if sys.platform == "win32":
        return sorted(set(_told_by_windows()))
    if sys.platform != "linux":
        return []
    return sorted(f"{holder.name} ({holder.pid})" for holder in holders_of(path, proc))


def _told_by_windows() -> Iterator[str]:
    """Those that began to use a camera and have not stopped, as its settings page lists them.

    A desktop program is a key named by its path, with # for each backslash; an app from the
    Store one named by its package, "Microsoft.WindowsCamera_8wekyb3d8bbwe".
    """
    ours = {Path(sys.executable), Path(getattr(sys, "_base_executable", sys.executable))}
    for key in _keys(f"{CONSENT}\\NonPackaged"):
        path = Path(key.replace("#", "\\"))
        if path not in ours and _in_use(f"{CONSENT}\\NonPackaged\\{key}"):
            yield key.rpartition("#")[2]
    for key in _keys(CONSENT):
        if key != "NonPackaged" and _in_use(f"{CONSENT}\\{key}"):
            yield key.rpartition("_")[0] or key


def _keys(parent: str) -> list[str]:
    winreg = import_module("winreg")
    try:
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, parent) as opened:
            return [winreg.EnumKey(opened, i) for i in range(winreg.QueryInfoKey(opened)[0])]
    except OSError:
        return []


def _in_use(key: str) -> bool:
    winreg = import_module("winreg")
    try:
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key) as opened:
            began, ended = (
                winreg.QueryValueEx(opened, f"LastUsedTime{which}")[0]
                for which in ("Start", "Stop")
            )
    except OSError:
        return False
    return bool(began) and not ended
