"""Ableton Link: the tempo that music programs on the local network share (extra `link`)."""

from __future__ import annotations

import asyncio
from threading import Event

from streamcam.control.beat import Beat
from streamcam.errors import UsageError

_LOOK_SECONDS = 0.1  # seconds between looks: Link keeps the time in between


class LinkDoor:
    """The thread "link" is `work`. Follows, and leaves the tempo to the others.

    peers  other programs in the session
    """

    def __init__(self, beat: Beat, bpm: float) -> None:
        """`bpm`: what a session that begins with this program has. Raises `UsageError`."""
        try:
            from aalink import Link
        except ImportError as error:
            raise UsageError(
                "control.link needs another library: pip install 'streamcam[link]'"
            ) from error
        self._make = Link
        self._beat = beat
        self._bpm = bpm
        self._stop = Event()
        self.peers = 0

    def work(self) -> None:
        """Until `close`."""
        asyncio.run(self._follow())

    def close(self) -> None:
        """End `work` within a tenth of a second."""
        self._stop.set()

    async def _follow(self) -> None:
        link = self._make(self._bpm)  # wants a running loop
        link.enabled = True
        try:
            while not self._stop.is_set():
                self.peers = int(link.num_peers)
                if self.peers:
                    self._beat.follow(float(link.tempo), float(link.beat))
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            link.enabled = False
