"""What the Linux kernel says of a video device, without starting it."""

from __future__ import annotations

import errno
import os
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_CAPTURE = 1  # V4L2_BUF_TYPE_VIDEO_CAPTURE
_DISCRETE = 1  # V4L2_FRMSIZE_TYPE_DISCRETE, V4L2_FRMIVAL_TYPE_DISCRETE
CAN_CAPTURE, CAN_OUTPUT = 1, 2  # of V4L2_CAP_*
_DEVICE_CAPS = 1 << 31  # the capabilities of this device, and not of its whole driver, follow

# struct v4l2_capability, v4l2_fmtdesc, v4l2_frmsizeenum, v4l2_frmivalenum of linux/videodev2.h
_CAPABILITY = struct.Struct("=16s32s32s3I12x")
_FORMAT = struct.Struct("=3I32sI16x")
_SIZE = struct.Struct("=3I2I16x8x")
_INTERVAL = struct.Struct("=5I2I16x8x")

Ioctl = Callable[[int, int, bytearray], int]


@dataclass(frozen=True, slots=True)
class Mode:
    """A format ("MJPG"), a size in pixels, and the highest rate in frames a second."""

    format: str
    width: int
    height: int
    fps: float


def _request(number: int, size: int, *, writes: bool) -> int:
    """An ioctl's number, as _IOR and _IOWR of linux/ioctl.h make it."""
    return (3 if writes else 2) << 30 | size << 16 | ord("V") << 8 | number


def _system_ioctl(device: int, request: int, argument: bytearray) -> int:
    if sys.platform == "win32":
        raise OSError(errno.ENOSYS, "Windows has no ioctl")
    import fcntl

    answered: int = fcntl.ioctl(device, request, argument)
    return answered


def capabilities(path: str, ioctl: Ioctl = _system_ioctl) -> int:
    """CAN_CAPTURE, CAN_OUTPUT, both or neither, as of now. Raises OSError."""
    answer = bytearray(_CAPABILITY.size)
    with _opened(path) as device:
        ioctl(device, _request(0, len(answer), writes=False), answer)
    *_, whole, here = _CAPABILITY.unpack(answer)
    return int(here if whole & _DEVICE_CAPS else whole)


def modes(path: str, ioctl: Ioctl = _system_ioctl) -> list[Mode]:
    """Every size and format that a camera lists one by one, with its highest rate.

    Raises OSError, PermissionError among them.
    """
    with _opened(path) as device:
        return [
            Mode(code, width, height, _fastest(device, ioctl, pixels, width, height))
            for pixels, code in _formats(device, ioctl)
            for width, height in _sizes(device, ioctl, pixels)
        ]


@contextmanager
def _opened(path: str) -> Iterator[int]:
    """A device for questions alone: nothing is streamed, and another program keeps it."""
    device = os.open(path, os.O_RDWR | getattr(os, "O_NONBLOCK", 0))
    try:
        yield device
    finally:
        os.close(device)


def _listed(
    device: int, ioctl: Ioctl, number: int, layout: struct.Struct, *fields: int
) -> Iterator[tuple[int, ...]]:
    """Answers to a question that is asked with 0, 1, 2 … until the driver has no more."""
    index = 0
    while True:
        answer = bytearray(layout.size)
        struct.pack_into(f"={1 + len(fields)}I", answer, 0, index, *fields)
        try:
            ioctl(device, _request(number, len(answer), writes=True), answer)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOTTY):
                return
            raise
        yield layout.unpack(answer)
        index += 1


def _formats(device: int, ioctl: Ioctl) -> Iterator[tuple[int, str]]:
    for *_, pixels in _listed(device, ioctl, 2, _FORMAT, _CAPTURE):
        yield pixels, pixels.to_bytes(4, "little").decode("ascii", "replace").strip()


def _sizes(device: int, ioctl: Ioctl, pixels: int) -> Iterator[tuple[int, int]]:
    for _, _, kind, width, height in _listed(device, ioctl, 74, _SIZE, pixels):
        if kind == _DISCRETE:
            yield width, height


def _fastest(device: int, ioctl: Ioctl, pixels: int, width: int, height: int) -> float:
    found = [0.0]
    listed = _listed(device, ioctl, 75, _INTERVAL, pixels, width, height)
    for *_, kind, numerator, denominator in listed:
        if kind == _DISCRETE and numerator:
            found.append(denominator / numerator)
        else:
            break
    return max(found)
