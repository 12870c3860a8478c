"""Stage: one named thread of the pipeline. When it ends, for any reason, both its ends close."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from threading import Event, Thread
from typing import Protocol

from streamcam.frames import RingClosed


class Closable(Protocol):
    """Anything with a `close` that may be called twice and from any thread."""

    def close(self) -> None: ...


class Abandoned(Exception):
    """Raised by work that another thread has taken over. Ends its stage; the ends stay open."""


class Stage:
    """Runs `work` on a thread of its own, which its maker starts and joins.

    `work` loops until its queue raises `RingClosed`, which is a normal end. Any other
    exception is kept in `errors`. Either way the `ends` (the queues it reads and writes, the
    device it owns) are closed, so a failure in one stage wakes and ends all the others; what an
    end raises is kept as well.
    """

    def __init__(self, name: str, work: Callable[[], None], ends: Sequence[Closable]) -> None:
        self.name = name
        self.errors: list[BaseException] = []
        self._work = work
        self._ends = ends
        self._ended = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Called once."""
        self._thread.start()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end; False if the thread is still running after `timeout` seconds.

        True at once for a stage that was not started. A signal may have interrupted `start`: then
        Python has made the thread and `Thread.join` would raise until that has said so, hence an
        event of our own.
        """
        if self._thread.ident is None:
            return True
        if not self._ended.wait(timeout):
            return False
        self._thread.join()
        return True

    @property
    def running(self) -> bool:
        """True between start and end."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._work_and_close()
        finally:
            self._ended.set()

    def _work_and_close(self) -> None:
        try:
            self._work()
        except Abandoned:
            return
        except RingClosed:
            pass
        except BaseException as error:  # noqa: BLE001  # kept for the pipeline, which raises it
            self.errors.append(error)
        self.errors += call_all([end.close for end in self._ends])


def call_all(calls: Iterable[Callable[[], None]]) -> list[Exception]:
    """Call them in turn, whatever they raise; what they raised."""
    errors: list[Exception] = []
    for call in calls:
        try:
            call()
        except Exception as error:  # noqa: BLE001  # the others must get their call
            errors.append(error)
    return errors
