"""Source `screen`: a monitor or a region of the desktop, through mss or, on Wayland, its portal.

The mouse pointer is in the picture on X11 and Wayland. On Windows and macOS mss leaves it out.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from streamcam.capture import FilmInfo, Source, Wanted
from streamcam.capture.screen import permission
from streamcam.capture.screen.desktop import (
    Grabber,
    NoPicture,
    ScreenPicture,
    bgra,
    check_visible,
    connect,
    is_black,
    is_hidden,
    point,
    release,
    shoot,
)
from streamcam.capture.screen.monitors import Screen, find, rectangle, screens
from streamcam.capture.screen.wayland import is_wayland, portal_obstacle
from streamcam.clock.pace import SYSTEM_CLOCK, Clock, Pace
from streamcam.errors import SourceLost, UsageError
from streamcam.frames import Frame, FramePool, Pixels

_MONITOR_SECONDS = 1.0  # between looks at where the monitors are; each takes about 1 ms
_BLACK_SECONDS = 1.0  # of black pictures after which a notice says so


def open_source(argument: str, wanted: Wanted) -> Source:
    """Open the primary monitor (""), a monitor ("2") or a region of the desktop ("x,y,w,h").

    Where the desktop shares its screen, it asks its user which monitor; a region is one of that.
    Raises `UsageError` if there is no such monitor or region, or nothing that can be captured.
    """
    if is_shared():
        # Imported here: other desktops have neither D-Bus nor PipeWire.
        from streamcam.capture.screen.shared import open_shared_screen

        return open_shared_screen(argument, wanted)
    if kept := permission.withheld():
        permission.ask()
        raise UsageError(f"the screen cannot be captured: {kept}.")
    grabber = connect()
    try:
        return ScreenSource(grabber, argument, wanted)
    except BaseException:
        release(grabber)
        raise


def is_shared() -> bool:
    """Whether the desktop shares its screen when its user agrees, as Wayland's do. Does not ask."""
    return (is_wayland() or is_hidden()) and portal_obstacle() is None


def list_screens() -> list[Screen]:
    """The monitors that can be captured; none where there is no display or only Wayland,
    where the desktop shares a screen (`is_shared`) but does not say which there are.
    """
    try:
        return visible_screens()
    except UsageError:
        return []


def visible_screens() -> list[Screen]:
    """The monitors there are. Raises `UsageError` saying why there is none."""
    grabber = connect()
    try:
        found = screens(grabber.monitors)
        check_visible(grabber, found[0])
    finally:
        release(grabber)
    return found


class ScreenSource:
    """Captures one rectangle `wanted.fps` times a second. See `streamcam.capture.Source`.

    `captured_at` is the moment before the picture is taken, which may take some milliseconds.
    Belongs to the thread that made `grabber`; closes it. `connect` makes another one, which knows
    where the monitors are now: a monitor that became larger, smaller or moved is followed.
    """

    film: FilmInfo | None = None

    def __init__(
        self,
        grabber: Grabber,
        argument: str,
        wanted: Wanted,
        clock: Clock = SYSTEM_CLOCK,
        connect: Callable[[], Grabber] = connect,
    ) -> None:
        self._name, box = find(argument, grabber.monitors)
        first = check_visible(grabber, box)
        self.width, self.height = first.width, first.height  # high-density displays have more
        self.fps = wanted.fps
        self.label = f"{self._name}, {self.width}x{self.height} at {self.fps:g} fps"
        self.notice = ""
        self._grabber = grabber
        self._argument = argument
        self._box = rectangle(box)
        self._pool = FramePool(self.width, self.height)
        self._pace = Pace(wanted.fps, clock)
        self._clock = clock
        self._connect = connect
        self._next_look = clock.now() + _MONITOR_SECONDS
        self._black_until: float | None = (
            clock.now() + _BLACK_SECONDS
        )  # None: a picture was not black
        self._open = True
        self._seq = 0

    def read(self) -> Frame | None:
        """The screen at the next tick, waiting for it at most half a second; None: not yet.

        The picture itself takes as long as the display needs to answer. Raises `SourceLost` when
        the display went away or was locked, and when the monitor or the region is not there now.
        """
        if not self._pace.due():
            return None
        if self._clock.now() >= self._next_look:
            self._follow()
        captured_at = self._clock.now()
        try:
            shot = self._shot()
            if self._black_until is not None:
                self._watch_for_black(self._black_until, bgra(shot))
            point(self._grabber, shot, self._box)
        except NoPicture as error:
            raise SourceLost(f"{self._name} cannot be captured: {error}") from error
        if (shot.width, shot.height) != (self.width, self.height):
            self.width, self.height = shot.width, shot.height
            self._pool = FramePool(self.width, self.height)
        pixels = cv2.cvtColor(bgra(shot), cv2.COLOR_BGRA2RGB, dst=self._pool.take())
        frame = Frame(np.asarray(pixels, np.uint8), self._seq, captured_at)
        self._seq += 1
        return frame

    def close(self) -> None:
        """Let go of the display. May be called twice."""
        if self._open:
            self._open = False
            release(self._grabber)

    def _shot(self) -> ScreenPicture:
        """A picture. Takes it again if the first attempt failed because the monitor has changed."""
        try:
            return shoot(self._grabber, self._box)
        except NoPicture:
            if not self._follow():
                raise
        return shoot(self._grabber, self._box)

    def _follow(self) -> bool:
        """Look where the monitors are; whether ours has another place or size, and is followed.

        One that became larger could still be captured as it was: as a corner of itself. Raises
        `SourceLost` if it is not there now. Any other fault shows when the next picture is taken.
        """
        self._next_look = self._clock.now() + _MONITOR_SECONDS
        try:
            grabber = self._connect()
        except UsageError:
            return False
        try:
            _, found = find(self._argument, grabber.monitors)
        except UsageError as error:
            release(grabber)
            raise SourceLost(f"{self._name} cannot be captured: {error}") from error
        if rectangle(found) == self._box:
            release(grabber)
            return False
        release(self._grabber)
        self._grabber, self._box = grabber, rectangle(found)
        return True

    def _watch_for_black(self, until: float, picture: Pixels) -> None:
        """A desktop that shows nothing from the start is most likely asleep or hidden from us."""
        if not is_black(picture):
            self._black_until, self.notice = None, ""
        elif self._clock.now() >= until:
            self.notice = (
                f"{self._name} is black all over: wake or unlock it, or take another --source "
                "(streamcam devices lists them)"
            )
