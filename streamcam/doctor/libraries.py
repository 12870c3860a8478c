"""Compiled libraries that cannot be loaded: what this machine lacks."""

from __future__ import annotations

from streamcam.obstacles import Obstacle
from streamcam.packages import install_command

# By what the error says: of the system's loader, of Python on Windows, of NumPy's first import.
_LIBGL = "libGL.so.1"
_DLL = "DLL load failed"
_BASELINE = "built with baseline optimizations"


def missing(error: ImportError | RuntimeError) -> Obstacle | None:
    """What the machine lacks, if that is what the error says; else None."""
    said = str(error)
    if _LIBGL in said:
        fix = install_command(
            apt="libgl1", dnf="mesa-libGL", pacman="libglvnd", zypper="Mesa-libGL1"
        )
        return Obstacle(f"OpenCV needs the system library {_LIBGL}, which this machine lacks", fix)
    if _DLL in said:
        return Obstacle(
            f"Windows lacks a library that OpenCV or OpenVINO needs ({' '.join(said.split())})",
            "install https://aka.ms/vs/17/release/vc_redist.x64.exe, and on Windows N its Media "
            "Feature Pack",
        )
    if _BASELINE in said:
        return Obstacle(
            "this processor is too old: NumPy and OpenVINO need SSE4.2",
            "take a machine with an Intel processor of 2009 or AMD of 2011, or newer",
        )
    return None
