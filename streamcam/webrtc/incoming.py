"""Incoming: the newest picture of the one camera that sends over WebRTC."""

from __future__ import annotations

from threading import Condition
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


class Incoming:
    """One camera at a time: one that comes takes the place of the one before, which is what a phone
    does that has lost its network and is back before anybody noticed.

    The server's thread lets cameras in and puts pictures; the source takes them. Any thread.

    missed  a camera was there and went, and the source waits for one; the source's own
    """

    def __init__(self) -> None:
        self.missed = False
        self._changed = Condition()
        # Protected by _changed:
        self._camera = 0  # number of the newest one; those before have no say
        self._there = False
        self._newest: tuple[VideoFrame, float] | None = None  # and when it had come

    @property
    def there(self) -> bool:
        """A camera is connected."""
        with self._changed:
            return self._there

    def arrive(self) -> int:
        """A camera came; its number."""
        with self._changed:
            self._camera += 1
            self._there = True
            self._newest = None
            return self._camera

    def put(self, camera: int, picture: VideoFrame, came: float) -> None:
        """Its newest picture, in place of one that nobody took. `came`: when, perf_counter."""
        with self._changed:
            if camera == self._camera:
                self._newest = picture, came
                self._changed.notify_all()

    def leave(self, camera: int) -> None:
        """It is gone. The picture that it left is no one's."""
        with self._changed:
            if camera == self._camera:
                self._there, self._newest = False, None
                self._changed.notify_all()

    def take(self, seconds: float) -> tuple[VideoFrame, float] | None:
        """The newest picture that was not taken yet, waiting so long for it; None: there is none,
        or the camera left meanwhile."""
        with self._changed:
            was = self._there
            self._changed.wait_for(lambda: self._newest or (was and not self._there), seconds)
            taken, self._newest = self._newest, None
            return taken

    def await_picture(self, seconds: float) -> bool:
        """Whether there is one within that time. It is not taken."""
        with self._changed:
            return self._changed.wait_for(lambda: self._newest is not None, seconds)
