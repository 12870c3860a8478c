"""Output: a standard stream whose failing never ends what the program does.

When the disk under a log is full, the program that read a pipe has ended or a terminal's window is
closed, this program goes on and keeps the failure. `open_streams` replaces sys.stdout and
sys.stderr, so it holds for our lines, the help, rich's live display and the log lines of libraries.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, cast

_TIMEOUT_SECONDS = 0.2  # seconds that a reader that has kept up so far may make a live run wait
_FAILURES = (OSError, ValueError, RuntimeError)  # the system's, a closed stream, one in use


class Output:
    """Writes to `stream`, and never raises because that fails. Used from any thread.

    failure   what the last write that failed raised
    optional  True once the program does more than print. Then a reader that stands still (a full
              pipe, a terminal stopped by Ctrl-S) loses lines instead of holding up the program
    """

    def __init__(self, stream: IO[str], failure: Exception | None = None) -> None:
        self.failure = failure
        self.optional = False
        self._stream = stream
        self._keeps_up = True

    def write(self, text: str) -> int:
        """Write it, or lose it."""
        if not isinstance(text, str):  # click tries bytes, to learn what kind of stream this is
            raise TypeError(f"text is written here, not {type(text).__name__}")
        if self._taken():
            self._try(lambda: self._stream.write(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush the stream, if that is possible."""
        if self._taken():
            self._try(self._stream.flush)

    def isatty(self) -> bool:
        """False for a stream that is closed."""
        try:
            return self._stream.isatty()
        except _FAILURES:
            return False

    def end(self) -> None:
        """Flush a last time; what cannot be written then goes nowhere, or the interpreter would
        complain of it and change the exit code."""
        if self._taken():
            try:
                self._stream.flush()
            except _FAILURES as error:
                self.failure = error
            else:
                return
        with suppress(*_FAILURES):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # encoding, fileno, buffer, …
        return getattr(self._stream, name)

    def _try(self, action: Any) -> None:  # noqa: ANN401
        try:
            action()
        except _FAILURES as error:
            self.failure = error

    def _taken(self) -> bool:
        """Whether the stream takes a line: at once, or soon if its reader has kept up so far."""
        if not self.optional or sys.platform == "win32":  # select knows sockets alone there
            return True
        try:
            ready = select.select(
                [], [self._stream], [], _TIMEOUT_SECONDS if self._keeps_up else 0
            )[1]
        except _FAILURES:  # no file of the system, or a number too high for select
            return True
        self._keeps_up = bool(ready)
        return self._keeps_up


@contextmanager
def open_streams() -> Iterator[Output]:
    """Put an `Output` in the place of stdout, which is given, and one in that of stderr.

    Without a console (pythonw, a service, `>&-`) there is nothing to read from or write to.
    """
    before = sys.stdin, sys.stdout, sys.stderr
    if sys.stdin is None:
        sys.stdin = _nothing("r")
    outputs = [_output(stream) for stream in before[1:]]
    sys.stdout, sys.stderr = cast("list[Any]", outputs)
    try:
        yield outputs[0]
    finally:
        for output in outputs:
            output.end()
        sys.stdin, sys.stdout, sys.stderr = (
            now if old is None else old
            for old, now in zip(before, (sys.stdin, *outputs), strict=True)
        )


def make_optional() -> None:
    """From now on the program does more than print."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, Output):
            stream.optional = True


def _output(stream: IO[str] | None) -> Output:
    if stream is None:
        return Output(_nothing("w"), OSError(errno.EBADF, os.strerror(errno.EBADF)))
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # a cp1252 console has no "→"
    return Output(stream)


def _nothing(mode: str) -> Any:  # noqa: ANN401
    return open(os.devnull, mode, encoding="utf-8")  # noqa: PTH123  # kept open
