"""Readers of a device file: whether another program has it open, told by the kernel (inotify)."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from contextlib import suppress
from pathlib import Path
from threading import Lock

_OPEN, _CLOSE_WRITE, _CLOSE_NOWRITE, _OVERFLOW = 0x20, 0x08, 0x10, 0x4000
_EVENT = struct.Struct("iIII")  # struct inotify_event: watch, mask, cookie, length of a name
_ALL = 4096  # bytes read at once: 256 events


class Readers:
    """Counts the programs that hold `path` open, beside this one. Linux; from any thread.

    Opens and closes are told by the kernel, whoever makes them; who had it open before is looked
    up once, which finds the processes of this user. Made after this process has opened `path`.
    Raises `OSError` where the kernel gives no more watches.
    """

    def __init__(self, path: str, processes: Path = Path("/proc")) -> None:
        self._lock = Lock()  # or a count might read what has taken the place of a closed file
        library = ctypes.CDLL(None, use_errno=True)
        self._events = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._events < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        mask = _OPEN | _CLOSE_WRITE | _CLOSE_NOWRITE
        if library.inotify_add_watch(self._events, os.fsencode(path), mask) < 0:
            number = ctypes.get_errno()
            self.close()
            raise OSError(number, os.strerror(number), path)
        self._path, self._processes = path, processes
        self._count = self._found()

    def count(self) -> int:
        """How many there are now. One system call."""
        with self._lock:
            while events := self._read():
                for _, mask, _, _ in _EVENT.iter_unpack(events):
                    if mask & _OPEN:
                        self._count += 1
                    elif mask & (_CLOSE_WRITE | _CLOSE_NOWRITE):
                        self._count = max(0, self._count - 1)  # one that was not found at first
                    elif mask & _OVERFLOW:
                        self._count = self._found()
            return self._count

    def close(self) -> None:
        """Stop watching. May be called twice."""
        with self._lock:
            events, self._events = self._events, -1
            if events >= 0:
                os.close(events)

    def _read(self) -> bytes:
        with suppress(BlockingIOError):
            return os.read(self._events, _ALL) if self._events >= 0 else b""
        return b""

    def _found(self) -> int:
        """Open files of other processes that are `path`."""
        wanted, found = Path(self._path).stat(), 0
        for process in self._processes.glob("[0-9]*"):
            if process.name == str(os.getpid()):
                continue
            with suppress(OSError):  # another user's, or it has just ended
                for entry in os.scandir(process / "fd"):
                    with suppress(OSError):
                        found += os.path.samestat(entry.stat(), wanted)
        return found


def watch_readers(path: str) -> Readers | None:
    """None where it cannot be told who reads a device."""
    if sys.platform != "linux":
        return None
    with suppress(OSError):
        return Readers(path)
    return None
