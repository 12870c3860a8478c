"""Claim: one recording to a name at a time. Nothing that is there already is touched.

A recording grows in `NAME.part` beside the file that it becomes. That file's lock says that
a program records to NAME, and ends with its process. What lies there without a lock (the rest of a
recording whose process was killed, a browser's download) stays as it is: its lock is taken, so
that the next one is refused all the same, and the recording grows in `NAME.2.part`.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from streamcam.errors import UsageError, quoted
from streamcam.sink.record.locks import try_lock

_MOST = 1000  # unfinished recordings of one name
_LOCK_SECONDS = 0.1  # seconds that a program which has just made its file has to lock it
# Binary on Windows; waits for no pipe and follows no link.
_PLAIN = getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)


@dataclass(slots=True)
class Claim:
    """The right to record to a name, until `release`.

    part    the new file to write
    file    its descriptor
    passed  what lay in its place already
    guards  descriptors whose locks keep others away
    """

    part: Path = Path()
    file: int = -1
    passed: list[Path] = field(default_factory=list)
    guards: list[int] = field(default_factory=list)

    def release(self) -> None:
        """Close all files. What was written is on the disk by then, or was reported. May be called
        twice."""
        files = [*self.guards, *([] if self.file < 0 else [self.file])]
        self.guards, self.file = [], -1
        for file in files:
            with suppress(OSError):
                os.close(file)


def claim(target: Path) -> Claim:
    """Make the file in which the recording grows that is to become `target`.

    Raises `UsageError` if a program records to it now, `OSError` if no file can be made there.
    """
    claimed = Claim()
    try:
        _fill(claimed, target)
    except BaseException:
        claimed.release()
        raise
    return claimed


def _fill(claimed: Claim, target: Path) -> None:
    if os.name == "posix":  # another name of the same file; Windows would refuse to replace it
        _keep_others_from(target, target, claimed)
    for number in range(1, _MOST):
        ending = ".part" if number == 1 else f".{number}.part"
        claimed.part = target.with_name(target.name + ending)
        while not _make(target, claimed):
            if _keep_others_from(claimed.part, target, claimed):
                claimed.passed.append(claimed.part)
                break
        else:
            return
    raise FileExistsError(errno.EEXIST, f"there are {_MOST} unfinished recordings of that name")


def _make(target: Path, claimed: Claim) -> bool:
    """A new file, locked. False if there is one already."""
    try:
        claimed.file = os.open(claimed.part, os.O_RDWR | os.O_CREAT | os.O_EXCL | _PLAIN, 0o666)
    except FileExistsError:
        return False
    if try_lock(claimed.file) is False:  # another program was faster and records now
        raise _taken(target)
    return True


def _keep_others_from(path: Path, target: Path, claimed: Claim) -> bool:
    """Lock what lies at `path`, if it can be locked. False: it is not there any more.

    Raises `UsageError` if it is locked already.
    """
    file = _opened(path)
    if file is None:
        return True
    if os.fstat(file).st_size == 0:
        time.sleep(_LOCK_SECONDS)
    held = try_lock(file)
    there = _is(path, file)
    if there and held:
        claimed.guards.append(file)
        return True
    os.close(file)
    if held is False:
        raise _taken(target)
    return there


def _opened(path: Path) -> int | None:
    """None if there is no file, or what is there is a folder or a link, or may not be opened."""
    for access in (os.O_RDWR, os.O_RDONLY):
        with suppress(OSError):
            file = os.open(path, access | _PLAIN)
            if stat.S_ISREG(os.fstat(file).st_mode):
                return file
            os.close(file)
    return None


def _is(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(file))
    except OSError:
        return False


def _taken(target: Path) -> UsageError:
    return UsageError(
        f"another streamcam records to {quoted(str(target))} now: give another name, or stop "
        "that one"
    )
