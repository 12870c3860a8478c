"""Background "picture": a still, or a video that plays, in the place of the room."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from time import perf_counter
from typing import Protocol

import numpy as np

from streamcam.errors import told
from streamcam.frames import Frame, Pixels
from streamcam.frames.geometry import Box, Size, View
from streamcam.frames.scaling import Scaler
from streamcam.mask import NoMask, Plane

_OPENING_SECONDS = 5.0  # that a file has to give its first picture


class Reader(Protocol):
    """A source of `streamcam.capture`, which this folder does not know."""

    def read(self) -> Frame | None: ...
    def close(self) -> None: ...


class PictureBackground:
    """Cut to the outputs' shape. Used by one thread, but for `close`."""

    def __init__(self, open_reader: Callable[[], Reader], *, moves: bool) -> None:
        """Opens, reads and closes on a thread of its own, "background". Raises what `open_reader`
        and the first `read` raise.

        moves  it is a video; a still is read once
        """
        self.moves = moves
        self._open = open_reader
        self._stop, self._first = Event(), Event()
        self._newest: Pixels | None = None  # replaced as a whole
        self._error: BaseException | None = None
        self._from: Pixels | None = None  # what `_made` shows
        self._for: tuple[Size, Size] | None = None
        self._scaler: Scaler | None = None
        self._made = np.zeros((0, 0, 3), np.uint8)
        self._thread = Thread(target=self._work, name="background", daemon=True)
        self._thread.start()
        self._first.wait(_OPENING_SECONDS)
        if self._error is not None:
            raise self._error

    def behind(self, styled: Pixels, camera: Pixels, mask: Plane) -> Pixels:
        picture = self._newest
        if picture is None or self._error is not None:
            why = "it has no picture" if self._error is None else told(self._error)
            raise NoMask(f"the picture behind the person cannot be shown: {why}")
        if picture is not self._from or self._made.shape != styled.shape:
            self._fit(picture, (styled.shape[1], styled.shape[0]))
        return self._made

    def close(self) -> None:
        self._stop.set()

    def _fit(self, picture: Pixels, size: Size) -> None:
        given = (picture.shape[1], picture.shape[0])
        if self._for != (given, size):
            self._for = (given, size)
            self._made = np.zeros((size[1], size[0], 3), np.uint8)
            self._scaler = Scaler(View(size).place(given).visible, Box(0, 0, *size))
        assert self._scaler is not None
        self._scaler.scale(picture, self._made)
        self._from = picture

    def _work(self) -> None:
        reader: Reader | None = None
        try:
            reader = self._open()
            began = perf_counter()
            while not self._stop.is_set():
                frame = reader.read()
                if frame is not None:
                    self._newest = frame.pixels
                    self._first.set()
                    if not self.moves:
                        break
                elif self._newest is None and perf_counter() - began > _OPENING_SECONDS:
                    break
        except BaseException as error:  # noqa: BLE001  # whoever opens or shows it is told
            self._error = error
        finally:
            self._first.set()
            if reader is not None:
                with suppress(Exception):  # nothing is lost by what does not close
                    reader.close()
