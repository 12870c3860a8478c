"""Readers of a device file: how many programs have it open, by the kernel (inotify), and which."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from time import perf_counter

from streamcam.open_files import PROC, holders_of

_OPEN, _CLOSE_WRITE, _CLOSE_NOWRITE, _OVERFLOW = 0x20, 0x08, 0x10, 0x4000
_EVENT = struct.Struct("iIII")  # struct inotify_event: watch, mask, cookie, length of a name
_ALL = 4096  # bytes read at once: 256 events
# The readers are looked up once no program has opened or closed the device for so long, as programs
# that list cameras open each for a moment; but at the latest so long after a change.
_QUIET_SECONDS, _LATEST_SECONDS = 0.3, 0.9


class Readers:
    """Counts the programs that hold `path` open, beside this one. Linux; from any thread.

    inotify reports opens and closes by any process, but two at once as one. `all_are` therefore
    corrects the count after each change from /proc, which shows the processes of this user. Those
    that had the device open already are read from /proc once. Make it after this process has opened
    `path`. Raises `OSError` where the kernel gives no more watches.
    """

    def __init__(
        self,
        path: str,
        proc: Path = PROC,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._path, self._proc, self._clock = path, proc, clock
        self._lock = Lock()  # else a count might read from a closed number
        library = ctypes.CDLL(None, use_errno=True)
        # Protected by _lock:
        self._events = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._events < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        mask = _OPEN | _CLOSE_WRITE | _CLOSE_NOWRITE
        if library.inotify_add_watch(self._events, os.fsencode(path), mask) < 0:
            number = ctypes.get_errno()
            self.close()
            raise OSError(number, os.strerror(number), path)
        self._names = self._look()  # names of the processes, each as often as one has it open
        self._count = self._names.total()
        self._hidden = 0  # of these, so many were not found by the last look
        self._opened = self._closed = 0  # so often since the last look, by the kernel's account
        self._changes: list[float] = []  # times of the first and the last since the last look

    def count(self) -> int:
        """How many there are now. One system call."""
        with self._lock:
            return self._counted()

    def all_are(self, program: str) -> bool:
        """Whether there are readers, and each is known to be a process of this name, or of one that
        begins with it and a dash: the program's own helpers, which inherit its open files.

        Follows a change within a second if it is called often. False if any reader is another or
        cannot be told, like another user's. A change costs a look at all processes, which takes
        some milliseconds.
        """
        with self._lock:
            self._counted()
            now, changes = self._clock(), self._changes
            due = changes and (
                now - changes[-1] >= _QUIET_SECONDS or now - changes[0] >= _LATEST_SECONDS
            )
        if due:
            names = self._look()
            with self._lock:
                self._counted()
                if self._changes is changes:  # else they are of different times
                    self._settle(names)
        with self._lock:
            known = bool(self._names) and not self._hidden
            return known and all(
                name == program or name.startswith(f"{program}-") for name in self._names
            )

    def close(self) -> None:
        """Stop watching. May be called twice."""
        with self._lock:
            events, self._events = self._events, -1
            if events >= 0:
                os.close(events)

    def _settle(self, names: Counter[str]) -> None:
        # As many as the look did not find; but no more of them can have come or gone than the
        # kernel has reported.
        hidden = min(self._count - names.total(), self._hidden + self._opened)
        self._hidden = max(hidden, self._hidden - self._closed, 0)
        self._count = names.total() + self._hidden
        self._names, self._opened, self._closed, self._changes = names, 0, 0, []

    def _counted(self) -> int:
        while events := self._read():
            self._changes = [*self._changes[:1], self._clock()]
            for _, mask, _, _ in _EVENT.iter_unpack(events):
                if mask & _OPEN:
                    self._count += 1
                    self._opened += 1
                elif mask & (_CLOSE_WRITE | _CLOSE_NOWRITE):
                    self._closed += 1
                    self._count = max(0, self._count - 1)  # one that was not found at first
                elif mask & _OVERFLOW:
                    self._count = self._look().total()
        return self._count

    def _read(self) -> bytes:
        with suppress(BlockingIOError):
            return os.read(self._events, _ALL) if self._events >= 0 else b""
        return b""

    def _look(self) -> Counter[str]:
        """Open files of other processes that are `path`, by the name of the process.

        Empty if the device is gone, which writing to it will say.
        """
        found: Counter[str] = Counter()
        for holder in holders_of(self._path, self._proc):
            found[holder.name] += holder.times
        return found


def watch_readers(path: str) -> Readers | None:
    """None where the readers of a device cannot be told."""
    if sys.platform != "linux":
        return None
    with suppress(OSError):
        return Readers(path)
    return None
