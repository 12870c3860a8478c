"""Outgoing: the newest picture for whoever watches over WebRTC."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock

from streamcam.errors import UsageError
from streamcam.frames import Pixels

MOST_VIEWERS = 4  # a picture is encoded for each of them: about 6 ms of a core at 1280x720


class Outgoing:
    """The output `whep` writes, from its own thread; viewers wait on the server's event loop.

    A picture is (height * 3 / 2, width) uint8, the planes of I420 one below the other. Nobody
    changes it any more.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        # Protected by _lock:
        self._open = False
        self._viewers: set[Viewer] = set()

    @property
    def viewers(self) -> int:
        """How many watch."""
        with self._lock:
            return len(self._viewers)

    @property
    def is_open(self) -> bool:
        """A run has the output `whep`."""
        with self._lock:
            return self._open

    def open(self) -> None:
        """Raises `UsageError` if another output has it."""
        with self._lock:
            if self._open:
                raise UsageError("there is one output 'whep': it serves all viewers")
            self._open = True

    def close(self) -> None:
        """No more pictures come: viewers are told."""
        with self._lock:
            self._open = False
            viewers = list(self._viewers)
        for viewer in viewers:
            viewer.offer(None)

    def write(self, picture: Pixels) -> None:
        """The newest picture, for all viewers."""
        with self._lock:
            viewers = list(self._viewers)
        for viewer in viewers:
            viewer.offer(picture)

    @contextmanager
    def watch(self, loop: asyncio.AbstractEventLoop) -> Iterator[Viewer]:
        """Count as a viewer, who waits on that loop, inside the `with` block. Raises
        `UsageError`."""
        viewer = Viewer(loop)
        with self._lock:
            if not self._open:
                raise UsageError("this run shows nothing over WebRTC: start it with --output whep")
            if len(self._viewers) >= MOST_VIEWERS:
                raise UsageError(f"{MOST_VIEWERS} viewers watch over WebRTC already")
            self._viewers.add(viewer)
        try:
            yield viewer
        finally:
            with self._lock:
                self._viewers.discard(viewer)


class Viewer:
    """The newest picture for one viewer; those that it was too slow for are passed over.

    `offer` from any thread, `next` on the event loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._came = asyncio.Event()
        self._newest: Pixels | None = None

    def offer(self, picture: Pixels | None) -> None:
        """None: that was the last one."""
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._take, picture)

    async def next(self) -> Pixels | None:
        """A picture that it has not had; None: there are no more."""
        await self._came.wait()
        self._came.clear()
        return self._newest

    def _take(self, picture: Pixels | None) -> None:
        self._newest = picture
        self._came.set()
