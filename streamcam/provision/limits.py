"""Limits: what of this machine makes the embedded model slow, or leaves it no room."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable

import cv2

from engines.memory import GIB, memory_of
from streamcam.obstacles import Obstacle

# Measured with the embedded model, an automatic size and the page: 0.43 GiB at most (Debian 12,
# November 2026). The system and a browser that shows the page want the rest.
TAKES, _ENOUGH = 0.5, 0.8  # GiB
_AVX2 = 11  # of cv::CpuFeatures, which Python has no names for
_X86 = ("x86_64", "amd64")


def memory() -> Obstacle | None:
    """Too little memory to begin with, now; None if there is enough."""
    found = memory_of("CPU")
    assert found is not None
    free = found.free / GIB
    if free >= _ENOUGH:
        return None
    return Obstacle(
        f"only {free:.1f} GiB of memory are free, and streamcam takes about {TAKES:g}",
        "close other programs, the browser first",
    )


def processor() -> Obstacle | None:
    """A processor without the instructions that the engine is fast with; None for all others.

    Without AVX2 OpenVINO 2026.4 takes 7 times as long for a frame (326 ms, not 47, for 256x144 in
    float32 on two cores that were told to leave them alone, by ONEDNN_MAX_CPU_ISA=AVX).
    """
    if platform.machine().lower() not in _X86 or cv2.checkHardwareSupport(_AVX2):
        return None
    fix = "take --size 128x128 --fps 5"
    if sys.platform == "darwin":
        fix = f"on Apple silicon install the Python made for it (arm64); else {fix}"
    return Obstacle("this processor has no AVX2, so the engine takes about 7 times as long", fix)


def tell(obstacle: Obstacle | None, say: Callable[[str], None]) -> None:
    """Say what is in the way, if anything is."""
    if obstacle is not None:
        say(f"machine: {obstacle}")
