"""v4l2loopback, Linux's virtual cameras: whether a device can take pictures, and freeing one."""

from __future__ import annotations

import errno
import os
import struct
import sys
import time
from pathlib import Path

from streamcam.sink import Format

_SYSFS = Path("/sys/class/video4linux")
_OLD_PICTURES = 8  # more than the driver keeps for a new reader
_SILENT_SECONDS = 0.7  # without a picture after which no program sends any
_POLL_SECONDS = 0.02


def loopback_obstacle(path: str, form: Format, sysfs: Path = _SYSFS) -> str:
    """Why the device cannot take our pictures now; "" if nothing is known to prevent it.

    The driver itself keeps two writers apart only since 0.13. Before, and with exclusive_caps=0,
    both would be shown, in turns. And while any program shows a device, it keeps the size that
    its last writer gave it, and takes pictures of another size all the same, as garbage.
    """
    if is_taken(path, sysfs):
        return f"{path} is taken: another program sends pictures to it"
    kept = _kept_size(path, sysfs)
    if kept in ("", f"{form.width}x{form.height}"):
        return ""
    return (
        f"{path} stays at {kept} while a program shows it, and this run's output is "
        f"{form.width}x{form.height}: close that program's video first"
    )


def is_taken(path: str, sysfs: Path = _SYSFS) -> bool:
    """Whether a program sends pictures to the device. Waits up to a second for one, and only if a
    program has set a format on the device."""
    return bool(_kept_size(path, sysfs)) and _pictures_arrive(path)


def _kept_size(path: str, sysfs: Path) -> str:
    """ "640x480", which its last writer set; "" if no program has it open since."""
    try:
        kept = (sysfs / Path(path).name / "format").read_text()
    except OSError:  # no such device: opening it says so
        return ""
    return kept.partition(":")[2].partition("@")[0]  # of "YU12:640x480@30"


def _pictures_arrive(path: str) -> bool:
    try:
        device = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError:  # opening it for writing will say why
        return False
    try:
        for _ in range(_OLD_PICTURES):
            if not _picture_waits(device):
                break
        until = time.perf_counter() + _SILENT_SECONDS
        while time.perf_counter() < until:
            if _picture_waits(device):
                return True
            time.sleep(_POLL_SECONDS)
    except OSError:  # since 0.13 there is one reader at a time, and writers are kept apart
        return False
    finally:
        os.close(device)
    return False


def _picture_waits(device: int) -> bool:
    """Whether there is a picture not read yet; it counts as read then."""
    try:
        os.read(device, 1)
    except BlockingIOError:
        return False
    return True


def revive(path: str) -> bool:
    """Give a device back what it forgot when its last writer left.

    Up to 0.12 (Debian 12, Ubuntu 22.04) with exclusive_caps=1, a device serves one writer and
    then has no output capability left until the module is loaded again. Asking it to stream
    marks this process as its writer, and the close that follows restores the capability.
    Call `loopback_obstacle` first: on a device in use this would end the other program's stream.
    False if the device cannot be opened. Linux only.
    """
    if sys.platform != "linux":
        return False
    import fcntl

    stream_on, output = 0x40045612, 2  # VIDIOC_STREAMON, V4L2_BUF_TYPE_VIDEO_OUTPUT
    try:
        device = os.open(path, os.O_RDWR)
    except OSError:  # the caller reports its own attempt to open it
        return False
    try:
        fcntl.ioctl(device, stream_on, struct.pack("i", output))
    except OSError as error:
        # No format is set, so the request itself fails; the mark is made all the same.
        return error.errno == errno.EINVAL
    finally:
        os.close(device)
    return True
