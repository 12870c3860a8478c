"""Source `screen`: a monitor or a region of the desktop, through mss."""

from __future__ import annotations

import cv2
import numpy as np
from mss.exception import ScreenShotError

from streamcam.capture import Wanted
from streamcam.capture._desktop import (
    Grabber,
    Screen,
    bgra,
    check_visible,
    connect,
    find,
    rectangle,
    release,
    screens,
    shoot,
)
from streamcam.capture._pace import SYSTEM_CLOCK, Clock, Pace
from streamcam.errors import SourceLost, UsageError
from streamcam.frames import Frame, FramePool


def open_source(argument: str, wanted: Wanted) -> ScreenSource:
    """Open the primary monitor (""), a monitor ("2") or a region of the desktop ("x,y,w,h").

    Raises `UsageError` if there is no such monitor or region, or nothing that can be captured.
    """
    grabber, monitors = connect()
    try:
        name, box = find(argument, monitors)
        return ScreenSource(grabber, name, box, wanted)
    except BaseException:
        release(grabber)
        raise


def list_screens() -> list[Screen]:
    """The monitors that can be captured; none where there is no display or only Wayland."""
    try:
        return visible_screens()
    except UsageError:
        return []


def visible_screens() -> list[Screen]:
    """The monitors that can be captured. Raises `UsageError` saying why there is none."""
    grabber, monitors = connect()
    try:
        found = screens(monitors)
        check_visible(grabber, found[0])
    finally:
        release(grabber)
    return found


class ScreenSource:
    """Captures one rectangle `wanted.fps` times a second. See `streamcam.capture.Source`.

    `captured_at` is the moment before the picture is taken, which may take some milliseconds.
    Belongs to the thread that made `grabber`; closes it.
    """

    def __init__(
        self, grabber: Grabber, name: str, box: Screen, wanted: Wanted, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        first = check_visible(grabber, box)
        self.width, self.height = first.width, first.height  # high-density displays have more
        self.fps = wanted.fps
        self.label = f"{name}, {self.width}x{self.height} at {self.fps:g} fps"
        self._grabber = grabber
        self._name = name
        self._box = rectangle(box)
        self._pool = FramePool(self.width, self.height)
        self._pace = Pace(wanted.fps, clock)
        self._clock = clock
        self._open = True
        self._seq = 0

    def read(self) -> Frame | None:
        """The screen at the next tick, waiting for it at most half a second; None: not yet.

        Raises `SourceLost` when the display went away, was locked or changed its size.
        """
        if not self._pace.due():
            return None
        captured_at = self._clock.now()
        try:
            shot = shoot(self._grabber, self._box)
        except ScreenShotError as error:
            raise SourceLost(f"{self._name} cannot be captured: {error}") from error
        if (shot.width, shot.height) != (self.width, self.height):
            raise SourceLost(f"{self._name} changed its size")
        pixels = cv2.cvtColor(bgra(shot), cv2.COLOR_BGRA2RGB, dst=self._pool.take())
        frame = Frame(np.asarray(pixels, np.uint8), self._seq, captured_at)
        self._seq += 1
        return frame

    def close(self) -> None:
        """Let go of the display. May be called twice."""
        if self._open:
            self._open = False
            release(self._grabber)
