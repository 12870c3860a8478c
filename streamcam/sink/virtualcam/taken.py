"""Taken: whether another program sends pictures to a virtual camera."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from streamcam.sink.virtualcam import loopback
from streamcam.sink.virtualcam.devices import OBS

_QUEUE = "OBSVirtualCamVideo"  # the shared memory that a sender to OBS's camera makes
_READ = 4  # FILE_MAP_READ


def how_to_free() -> str:
    """What to do for a virtual camera that is taken."""
    if sys.platform == "win32":
        return 'press "Stop Virtual Camera" in OBS, or end the other streamcam'
    return "end the program that sends to it (streamcam doctor says which have it open)"


def is_taken(path: str) -> bool:
    """Whether it is; False where it cannot be told: macOS, and Unity Capture on Windows.

    On Linux that takes up to a second.
    """
    if sys.platform == "win32":
        return path == OBS and _has_memory(_QUEUE)
    return sys.platform == "linux" and loopback.is_taken(path)


def _has_memory(name: str) -> bool:
    """Whether a program has made shared memory of this name, as OBS and pyvirtualcam ask."""
    kernel = _kernel32()
    kernel.OpenFileMappingW.restype = ctypes.c_void_p
    kernel.OpenFileMappingW.argtypes = [ctypes.c_uint32, ctypes.c_int, ctypes.c_wchar_p]
    kernel.CloseHandle.argtypes = [ctypes.c_void_p]
    handle = kernel.OpenFileMappingW(_READ, 0, name)
    if handle:
        kernel.CloseHandle(handle)
    return bool(handle)


def _kernel32() -> Any:  # noqa: ANN401  # ctypes knows no types
    return ctypes.CDLL("kernel32")
