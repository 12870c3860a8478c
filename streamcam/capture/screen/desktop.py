"""The desktop as mss sees it: its monitors, regions of it, and whether it shows itself at all."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import mss
import numpy as np
from mss.exception import ScreenShotError

from streamcam.capture.screen.wayland import is_wayland, no_screen
from streamcam.errors import UsageError
from streamcam.frames import Pixels

_NO_DISPLAY = (
    "there is no screen here ({reason}): use --source camera, --source demo or a video file."
)
Monitors = list[dict[str, Any]]  # the whole desktop, then each monitor, as mss lists them
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
    def monitors(self) -> Monitors:
        """The whole desktop, then each monitor: left, top, width, height, is_primary."""
        ...

    def grab(self, monitor: dict[str, int], /) -> Shot:
        """Take a picture. Raises `ScreenShotError`."""
        ...

    def close(self) -> None:
        """Let go of the display."""
        ...


def connect() -> tuple[Grabber, Monitors]:
    """Connect to the display, on the calling thread; its monitors as mss lists them.

    Raises `UsageError` saying what to do.
    """
    try:
        grabber: Grabber = mss.MSS()
        monitors = grabber.monitors
    except ScreenShotError as error:
        raise UsageError(_no_screen(error)) from error
    return grabber, monitors


def current_monitors() -> Monitors:
    """The monitors as they are now: a grabber remembers those of its start.

    Raises `UsageError` if the display is gone.
    """
    grabber, monitors = connect()
    release(grabber)
    return monitors


def release(grabber: Grabber) -> None:
    """Let go of the display, once. One that broke off is gone already."""
    with suppress(ScreenShotError):
        grabber.close()


def shoot(grabber: Grabber, box: dict[str, int]) -> Shot:
    """Take a picture. Raises `ScreenShotError`, also for a display that is gone."""
    try:
        return grabber.grab(box)
    except AssertionError as error:  # all that mss has to say about a broken connection to X
        raise ScreenShotError("the connection to the display broke") from error


def screens(monitors: Monitors) -> list[Screen]:
    """mss's list without its first entry, the desktop, unless that is all there is.

    Where no monitor says it is the primary one, the first is.
    """
    single = monitors[1:] or monitors
    primary = next((i for i, one in enumerate(single) if one.get("is_primary")), 0)
    return [
        Screen(i + 1, one["left"], one["top"], one["width"], one["height"], primary=i == primary)
        for i, one in enumerate(single)
    ]


def find(argument: str, monitors: Monitors) -> tuple[str, Screen]:
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
    numbers = parse_region(argument)
    if numbers is None:
        raise UsageError(f"screen:{argument} is neither a monitor number nor x,y,w,h. {listed}")
    x, y, width, height = numbers
    region = Screen(0, x, y, width, height, primary=False)
    if not _inside(region, monitors[0]):
        raise UsageError(f"the region {argument} (x,y,w,h) is not on the screen. {listed}")
    return f"screen region {x},{y}", region


def parse_region(argument: str) -> tuple[int, int, int, int] | None:
    """x, y, width and height, if `argument` says them."""
    match = _REGION.fullmatch(argument.replace(" ", ""))
    if match is None:
        return None
    x, y, width, height = map(int, match.groups())
    return x, y, width, height


def check_visible(grabber: Grabber, box: Screen) -> Shot:
    """A first picture. Raises `UsageError` if there is none to be had, and on Wayland, where
    X clients are shown a black desktop, if it is black all over.
    """
    try:
        shot = shoot(grabber, rectangle(box))
    except ScreenShotError as error:
        raise UsageError(_no_screen(error)) from error
    if is_wayland() and not bgra(shot)[::4, ::4, :3].any():
        raise UsageError(no_screen())
    return shot


def _no_screen(error: ScreenShotError) -> str:
    if is_wayland():
        return no_screen()
    unset = sys.platform == "linux" and not os.environ.get("DISPLAY")
    return _NO_DISPLAY.format(reason="DISPLAY is not set" if unset else error)


def _inside(region: Screen, desktop: dict[str, Any]) -> bool:
    return (
        region.width > 0
        and region.height > 0
        and region.x >= desktop["left"]
        and region.y >= desktop["top"]
        and region.x + region.width <= desktop["left"] + desktop["width"]
        and region.y + region.height <= desktop["top"] + desktop["height"]
    )


def rectangle(box: Screen) -> dict[str, int]:
    """For `shoot`."""
    return {"left": box.x, "top": box.y, "width": box.width, "height": box.height}


def bgra(shot: Shot) -> Pixels:
    """The picture as (height, width, 4), without a copy."""
    return np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4)
