"""Source `screen`: a monitor or a region of the desktop, through mss."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import mss
import numpy as np
from mss.exception import ScreenShotError

from streamcam.capture import Wanted
from streamcam.capture._pace import SYSTEM_CLOCK, Clock, Pace
from streamcam.errors import SourceLost, UsageError
from streamcam.frames import Frame, FramePool, Pixels

_WAYLAND = (
    "a Wayland session does not let programs capture the screen. Log in with the Xorg session "
    "(the gear on the login screen), or capture the screen in OBS, start its virtual camera and "
    'use --source camera:"OBS Virtual Camera".'
)
_NO_DISPLAY = (
    "there is no screen here ({reason}): use --source camera, --source demo or a video file."
)
_REGION = re.compile(r"(-?\d+),(-?\d+),(\d+),(\d+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Screen:
    """A monitor: its number from 1, place on the desktop and size in desktop pixels."""

    number: int
    x: int
    y: int
    width: int
    height: int
    primary: bool

    def __str__(self) -> str:
        main = ", primary" if self.primary else ""
        return f"{self.number} ({self.width}x{self.height} at {self.x},{self.y}{main})"


class Shot(Protocol):
    """A picture of the screen: `height` x `width` BGRA bytes in `raw`."""

    raw: bytearray

    @property
    def width(self) -> int:
        """Pixels."""
        ...

    @property
    def height(self) -> int:
        """Pixels."""
        ...


class Grabber(Protocol):
    """What is used of `mss.MSS`. Belongs to the thread that made it."""

    @property
    def monitors(self) -> list[dict[str, Any]]:
        """The whole desktop, then each monitor: left, top, width, height, is_primary."""
        ...

    def grab(self, monitor: dict[str, int], /) -> Shot:
        """Take a picture. Raises `ScreenShotError`."""
        ...

    def close(self) -> None:
        """Let go of the display."""
        ...


def open_source(argument: str, wanted: Wanted) -> ScreenSource:
    """Open the primary monitor (""), a monitor ("2") or a region of the desktop ("x,y,w,h").

    Raises `UsageError` if there is no such monitor or region, or nothing that can be captured.
    """
    grabber = connect()
    try:
        name, box = find(argument, grabber.monitors)
        return ScreenSource(grabber, name, box, wanted)
    except BaseException:
        grabber.close()
        raise


def list_screens() -> list[Screen]:
    """The monitors that can be captured; none where there is no display or only Wayland."""
    try:
        grabber = connect()
    except UsageError:
        return []
    try:
        found = screens(grabber.monitors)
        check_visible(grabber, found[0])
    except UsageError:
        return []
    finally:
        grabber.close()
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
        self._box = _rectangle(box)
        self._pool = FramePool(self.width, self.height)
        self._pace = Pace(wanted.fps, clock)
        self._clock = clock
        self._seq = 0

    def read(self) -> Frame | None:
        """The screen at the next tick, waiting for it at most half a second; None: not yet.

        Raises `SourceLost` when the display went away, was locked or changed its size.
        """
        if not self._pace.due():
            return None
        captured_at = self._clock.now()
        try:
            shot = self._grabber.grab(self._box)
        except ScreenShotError as error:
            raise SourceLost(f"{self._name} cannot be captured: {error}") from error
        if (shot.width, shot.height) != (self.width, self.height):
            raise SourceLost(f"{self._name} changed its size")
        pixels = cv2.cvtColor(_bgra(shot), cv2.COLOR_BGRA2RGB, dst=self._pool.take())
        frame = Frame(np.asarray(pixels, np.uint8), self._seq, captured_at)
        self._seq += 1
        return frame

    def close(self) -> None:
        """Let go of the display. May be called twice."""
        self._grabber.close()


def connect() -> Grabber:
    """Connect to the display, on the calling thread. Raises `UsageError` saying what to do."""
    try:
        grabber: Grabber = mss.MSS()
    except ScreenShotError as error:
        if _wayland():
            raise UsageError(_WAYLAND) from error
        reason = "DISPLAY is not set" if os.environ.get("DISPLAY") == "" else str(error)
        raise UsageError(_NO_DISPLAY.format(reason=reason)) from error
    return grabber


def screens(monitors: list[dict[str, Any]]) -> list[Screen]:
    """mss's list without its first entry, the desktop, unless that is all there is.

    Where no monitor says it is the primary one, the first is.
    """
    single = monitors[1:] or monitors
    primary = next((i for i, one in enumerate(single) if one.get("is_primary")), 0)
    return [
        Screen(i + 1, one["left"], one["top"], one["width"], one["height"], primary=i == primary)
        for i, one in enumerate(single)
    ]


def find(argument: str, monitors: list[dict[str, Any]]) -> tuple[str, Screen]:
    """The name and the rectangle that `argument` asks for. Raises `UsageError`."""
    known = screens(monitors)
    listed = f"Monitors: {'; '.join(map(str, known))}."
    if not argument:
        one = next(one for one in known if one.primary)
        return f"screen {one.number}", one
    if argument.isdecimal():
        for one in known:
            if one.number == int(argument):
                return f"screen {one.number}", one
        raise UsageError(f"there is no monitor {argument}. {listed}")
    match = _REGION.fullmatch(argument.replace(" ", ""))
    if match is None:
        raise UsageError(f"screen:{argument} is neither a monitor number nor x,y,w,h. {listed}")
    x, y, width, height = map(int, match.groups())
    region = Screen(0, x, y, width, height, primary=False)
    if not _inside(region, monitors[0]):
        raise UsageError(f"the region {argument} (x,y,w,h) is not on the screen. {listed}")
    return f"screen region {x},{y}", region


def check_visible(grabber: Grabber, box: Screen) -> Shot:
    """A first picture. Raises `UsageError` if there is none to be had, and on Wayland, where
    X clients are shown a black desktop, if it is black all over.
    """
    try:
        shot = grabber.grab(_rectangle(box))
    except ScreenShotError as error:
        if _wayland():
            raise UsageError(_WAYLAND) from error
        raise UsageError(_NO_DISPLAY.format(reason=str(error))) from error
    if _wayland() and not _bgra(shot)[::4, ::4, :3].any():
        raise UsageError(_WAYLAND)
    return shot


def _wayland() -> bool:
    return os.environ.get("XDG_SESSION_TYPE") == "wayland" or "WAYLAND_DISPLAY" in os.environ


def _inside(region: Screen, desktop: dict[str, Any]) -> bool:
    return (
        region.width > 0
        and region.height > 0
        and region.x >= desktop["left"]
        and region.y >= desktop["top"]
        and region.x + region.width <= desktop["left"] + desktop["width"]
        and region.y + region.height <= desktop["top"] + desktop["height"]
    )


def _rectangle(box: Screen) -> dict[str, int]:
    return {"left": box.x, "top": box.y, "width": box.width, "height": box.height}


def _bgra(shot: Shot) -> Pixels:
    return np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4)
