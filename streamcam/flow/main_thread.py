"""MainThread: a sink's calls, made by the main thread where the system insists on that."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import TypeVar

from streamcam.frames import Frame, RingClosed
from streamcam.sink import Sink

T = TypeVar("T")

_POLL_SECONDS = 0.25  # seconds between chances for Ctrl-C, which wakes no wait on Windows
_LATE = 8  # waits of that length after which it is late


class MainThread:
    """Takes calls from other threads and makes them in `serve`, on the main thread.

    needed  True once a sink depends on it
    """

    def __init__(self) -> None:
        self.needed = False
        self._calls: SimpleQueue[tuple[Callable[[], None], Future[None]]] = SimpleQueue()
        self._closed = False

    def serve(self, seconds: float) -> None:
        """Make the calls that come within `seconds`; with 0.0 those that wait already."""
        deadline = perf_counter() + seconds
        while True:
            try:
                call, done = self._calls.get(timeout=max(0.0, deadline - perf_counter()))
            except Empty:
                return
            try:
                call()
            except BaseException as error:  # noqa: BLE001  # the thread that waits raises it
                done.set_exception(error)
            else:
                done.set_result(None)

    def call(self, function: Callable[[], None]) -> None:
        """Have `function` called; returns or raises what it does. From any other thread.

        Raises `RingClosed` once the main thread does not serve any more.
        """
        done: Future[None] = Future()
        self._calls.put((function, done))
        if self._closed:  # looked at last, so that no call can slip in behind `close`
            self._refuse_waiting()
        done.result()

    def close(self) -> None:
        """No more calls. Those that wait are refused. On the main thread."""
        self._closed = True
        self._refuse_waiting()

    def _refuse_waiting(self) -> None:
        with suppress(Empty):
            while True:
                self._calls.get_nowait()[1].set_exception(RingClosed())


class MainThreadSink:
    """A sink that is used by its thread like any other, while the main thread does the work."""

    main_thread = False

    def __init__(self, sink: Sink, main: MainThread) -> None:
        self.label = sink.label
        self.reopen_as, self.finishes = sink.reopen_as, sink.finishes
        self.paced = sink.paced
        self._sink = sink
        self._main = main
        main.needed = True

    @property
    def watched(self) -> bool:
        return self._sink.watched

    def write(self, frame: Frame) -> None:
        self._main.call(lambda: self._sink.write(frame))

    def close(self) -> None:
        self._main.call(self._sink.close)


def result_of(future: Future[T], late: Callable[[], None] | None = None) -> T:
    """The result of another thread, waited for so that Ctrl-C gets through. Raises what that thread
    raised.

    late  called once, if it is not there after two seconds
    """
    waits = 0
    while not wait_for([future], _POLL_SECONDS).done:
        waits += 1
        if waits == _LATE and late is not None:
            late()
    return future.result()
