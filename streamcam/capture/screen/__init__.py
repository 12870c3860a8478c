"""Source `screen`: a monitor or a region of the desktop, through mss or, on Wayland, its portal."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import cv2
import numpy as np
from mss.exception import ScreenShotError

from streamcam.capture import Source, Wanted
from streamcam.capture._pace import SYSTEM_CLOCK, Clock, Pace
from streamcam.capture.screen.desktop import (
    Grabber,
    Monitors,
    Screen,
    bgra,
    check_visible,
    connect,
    current_monitors,
    find,
    rectangle,
    release,
    screens,
    shoot,
)
from streamcam.capture.screen.wayland import is_wayland, portal_obstacle
from streamcam.errors import SourceLost, UsageError
from streamcam.frames import Frame, FramePool

_LOOK = 1.0  # seconds between looks at where the monitors are; each takes about one millisecond


def open_source(argument: str, wanted: Wanted) -> Source:
    """Open the primary monitor (""), a monitor ("2") or a region of the desktop ("x,y,w,h").

    Where the desktop shares its screen, it asks its user which monitor; a region is one of that.
    Raises `UsageError` if there is no such monitor or region, or nothing that can be captured.
    """
    if is_shared():
        # Imported here: other desktops have neither D-Bus nor PipeWire.
        from streamcam.capture.screen.shared import open_shared_screen

        return open_shared_screen(argument, wanted)
    grabber, _ = connect()
    try:
        return ScreenSource(grabber, argument, wanted)
    except BaseException:
        release(grabber)
        raise


def is_shared() -> bool:
    """Whether the desktop shares its screen when its user agrees, as Wayland's do. Does not ask."""
    return is_wayland() and portal_obstacle() is None


def list_screens() -> list[Screen]:
    """The monitors that can be captured; none where there is no display or only Wayland,
    where the desktop shares a screen (`is_shared`) but does not say which there are.
    """
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
    Belongs to the thread that made `grabber`; closes it. `look` gives the monitors as they are
    now, which tells when the one that `argument` names has become larger or moved.
    """

    rate: Fraction | None = None

    def __init__(
        self,
        grabber: Grabber,
        argument: str,
        wanted: Wanted,
        clock: Clock = SYSTEM_CLOCK,
        look: Callable[[], Monitors] = current_monitors,
    ) -> None:
        self._name, box = find(argument, grabber.monitors)
        first = check_visible(grabber, box)
        self.width, self.height = first.width, first.height  # high-density displays have more
        self.fps = wanted.fps
        self.label = f"{self._name}, {self.width}x{self.height} at {self.fps:g} fps"
        self._grabber = grabber
        self._argument = argument
        self._box = rectangle(box)
        self._pool = FramePool(self.width, self.height)
        self._pace = Pace(wanted.fps, clock)
        self._clock = clock
        self._look = look
        self._next_look = clock.now() + _LOOK
        self._open = True
        self._seq = 0

    def read(self) -> Frame | None:
        """The screen at the next tick, waiting for it at most half a second; None: not yet.

        Raises `SourceLost` when the display went away, was locked, moved or changed its size.
        """
        if not self._pace.due():
            return None
        if self._clock.now() >= self._next_look:
            self._check_place()
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

    def _check_place(self) -> None:
        """A monitor that became larger can still be captured as it was: as a corner of itself."""
        self._next_look = self._clock.now() + _LOOK
        try:
            _, box = find(self._argument, self._look())
        except UsageError as error:
            raise SourceLost(f"{self._name} cannot be captured: {error}") from error
        if rectangle(box) != self._box:
            raise SourceLost(f"{self._name} changed its size or place")

    def close(self) -> None:
        """Let go of the display. May be called twice."""
        if self._open:
            self._open = False
            release(self._grabber)
