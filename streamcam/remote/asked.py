"""Asked: the frame that waits to be sent, the newest there is, and the news of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Lock

from engines.api import Params
from streamcam.frames import Pixels


@dataclass(slots=True, eq=False)
class Asked:
    """A frame that is to be sent, or was: `made` once `done` is set, None if nothing came of it."""

    pixels: Pixels
    params: Params
    sent_at: float = 0.0
    made: Pixels | None = None
    done: Event = field(default_factory=Event)

    def settle(self, made: Pixels | None = None) -> None:
        """It was answered, or will not be."""
        self.made = made
        self.done.set()


class Outbox:
    """One frame at most; a newer one takes its place. `put` and `close` on any thread, the rest in
    the event loop of the thread "link"."""

    def __init__(self) -> None:
        self.closed = False
        self._lock = Lock()
        self._waiting: Asked | None = None  # protected by _lock
        self._loop: asyncio.AbstractEventLoop | None = None  # of whoever reads
        self._news: asyncio.Event | None = None

    def open(self) -> None:
        """Called once, in the event loop."""
        self._loop, self._news = asyncio.get_running_loop(), asyncio.Event()

    def put(self, asked: Asked) -> None:
        """A frame; the one that waited will not be sent."""
        with self._lock:
            before, self._waiting = self._waiting, asked
        if before is not None:
            before.settle()
        self._wake()

    def close(self) -> None:
        """Wake whoever waits, for good. May be called twice."""
        self.closed = True
        self._wake()

    @property
    def full(self) -> bool:
        """Whether a frame waits."""
        return self._waiting is not None

    def take(self) -> Asked | None:
        """The frame that waits, which does so no more."""
        with self._lock:
            asked, self._waiting = self._waiting, None
        return asked

    def wake(self) -> None:
        """Something else has changed that `until` may wait for."""
        assert self._news is not None
        self._news.set()

    async def until(self, true: Callable[[], bool], seconds: float | None = None) -> None:
        """Looks again whenever there is news, until closed or the time is over."""
        assert self._loop is not None
        assert self._news is not None
        ends = None if seconds is None else self._loop.time() + seconds
        while not (self.closed or true()):
            left = None if ends is None else ends - self._loop.time()
            if left is not None and left <= 0:
                return
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), left)
            except TimeoutError:
                return

    def _wake(self) -> None:
        if self._loop is None or self._news is None:
            return  # `until` looks before it waits
        try:
            self._loop.call_soon_threadsafe(self._news.set)
        except RuntimeError:  # the loop is closed, and with it all is over
            return
