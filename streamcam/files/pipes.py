"""Pipes as sources: standard input and FIFOs, read so that a stop ends every wait."""

from __future__ import annotations

import os
import select
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Event

from streamcam.errors import UsageError

_STDIN = 0
_STDIN_NAMES = frozenset({"-", "pipe:", "pipe:0", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})
_POLL_SECONDS = 0.1  # seconds between looks at the stop
_FIFO_POLL_SECONDS = 0.05  # between looks for a program that opens a FIFO for writing


def is_stdin(choice: str) -> bool:
    """Whether `choice` is a name of standard input."""
    return choice in _STDIN_NAMES


def is_pipe(choice: str) -> bool:
    """Whether `choice` names standard input or a FIFO: a path that is there, but is no file."""
    return is_stdin(choice) or _is_fifo(choice)


def is_stream(choice: str) -> bool:
    """Whether what comes through `choice`, a pipe, can only be read once, from front to back.

    A file that the shell opens for standard input (`< film.mp4`) is a file by another name.
    """
    if not is_stdin(choice):
        return True
    try:
        return sys.platform == "win32" or not stat.S_ISREG(os.fstat(_STDIN).st_mode)
    except OSError:  # closed: opening it says so
        return True


class Pipe:
    """Reads a pipe, for PyAV, which takes any object with a `read`.

    name    the pipe for people
    ends    the end of its last writer is its end: no program can open it for writing again,
            unlike a FIFO with a name
    """

    def __init__(self, choice: str, stop: Event) -> None:
        """Raises `UsageError` for a terminal, and `OSError`. Waits for no writer.

        stop  ends every wait; reading answers with the end of the pipe then
        """
        self.name = choice
        self.ends = is_stdin(choice) or not Path(os.path.realpath(choice)).exists()
        self._stop = stop
        self._given_up = Event()
        self._begun = False
        if not is_stdin(choice):
            self._fd = os.open(choice, os.O_RDONLY | os.O_NONBLOCK)  # waits for no writer
            return
        if os.isatty(_STDIN):
            raise UsageError(
                "--source - reads a video from another program, and here is a keyboard: pipe "
                "one in, as in `ffmpeg … -f mpegts - | streamcam --source -`."
            )
        self._fd = os.dup(_STDIN)

    def read(self, size: int) -> bytes:
        """Up to `size` bytes as soon as there are some; none once its last writer has gone.

        Before the first writer has written, it is being waited for.
        """
        while not (self._stop.is_set() or self._given_up.is_set()):
            if not self._readable():
                continue
            try:
                data = os.read(self._fd, size)
            except BlockingIOError:  # another reader was quicker
                continue
            if data or self._begun or self.ends:
                self._begun = True
                return data
            time.sleep(_FIFO_POLL_SECONDS)
        return b""

    def give_up(self) -> None:
        """End the read that is waiting, and all later ones. From any thread."""
        self._given_up.set()

    def close(self) -> None:
        """Release it. May be called twice."""
        self.give_up()
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with suppress(OSError):
                os.close(fd)

    def _readable(self) -> bool:
        """Wait a moment for something to read or the end. Windows has no such wait for pipes."""
        return sys.platform == "win32" or bool(select.select([self._fd], [], [], _POLL_SECONDS)[0])


def _is_fifo(path: str) -> bool:
    try:
        return stat.S_ISFIFO(Path(path).stat().st_mode)
    except (OSError, ValueError):  # not there, or no path at all
        return False
