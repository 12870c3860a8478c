"""Web: the picture as JPEG, for the clients of the local page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

import cv2
import numpy as np

from streamcam.errors import SinkFailed, UsageError, quoted
from streamcam.frames import Frame, Pixels, RingClosed
from streamcam.sink import Format

_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 85]


class WebSink:
    """Encodes each new picture once for all viewers, and only while there are any.

    One thread writes. Viewers come, wait and go on any thread and never hold it up: each gets the
    newest picture, and a slow viewer misses those in between.
    """

    label = "local web page"
    paced = False
    main_thread = False
    reopen_as: str | None = None
    finishes: str | None = None

    def __init__(self, form: Format) -> None:
        self.form = form
        self._bgr: Pixels = np.empty((form.height, form.width, 3), np.uint8)  # writer only
        self._changed = Condition()
        # Protected by _changed:
        self._viewers = 0
        self._jpeg: bytes | None = None  # None: older than the newest picture, or none yet
        self._number = 0  # of the newest JPEG; 1 is the first
        self._closed = False

    @property
    def viewers(self) -> int:
        """How many watch."""
        with self._changed:
            return self._viewers

    @property
    def watched(self) -> bool:
        return self.viewers > 0

    def write(self, frame: Frame) -> None:
        """Make the frame the newest picture. Raises `SinkFailed` once closed."""
        with self._changed:
            if self._closed:
                raise SinkFailed("the local web page is closed")
            if self._viewers == 0:
                self._jpeg = None
                return
            if frame.repeat and self._jpeg is not None:
                return
        # Outside the lock, so that viewers that come and go never wait for the encoder.
        cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2BGR, dst=self._bgr)
        jpeg = cv2.imencode(".jpg", self._bgr, _QUALITY)[1].tobytes()
        with self._changed:
            self._jpeg = jpeg
            self._number += 1
            self._changed.notify_all()

    def close(self) -> None:
        """End all views."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @contextmanager
    def watch(self) -> Iterator[Viewer]:
        """Count as a viewer inside the `with` block."""
        with self._changed:
            self._viewers += 1
        try:
            yield Viewer(self)
        finally:
            with self._changed:
                self._viewers -= 1

    def newer(self, number: int, timeout: float) -> tuple[int, bytes] | None:
        """The newest picture and its number, once that is above `number`; None after `timeout`.

        Raises `RingClosed` when the program ends.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._fresh(number), timeout)
            if self._closed:
                raise RingClosed
            return (self._number, self._jpeg) if self._jpeg and self._number > number else None

    def _fresh(self, number: int) -> bool:
        return self._jpeg is not None and self._number > number


class Viewer:
    """One viewer. Used by one thread at a time."""

    def __init__(self, sink: WebSink) -> None:
        self._sink = sink
        self._seen = 0

    def next(self, timeout: float) -> bytes | None:
        """The newest JPEG this viewer has not had; None if there is none within `timeout` seconds.

        Raises `RingClosed` when the program ends.
        """
        found = self._sink.newer(self._seen, timeout)
        if found is None:
            return None
        self._seen, jpeg = found
        return jpeg


def open_sink(argument: str, form: Format) -> WebSink:
    """`argument` must be empty. Raises `UsageError`."""
    if argument:
        raise UsageError(
            f"the output 'web' takes no argument, not {quoted(argument)}; use --output web"
        )
    return WebSink(form)
