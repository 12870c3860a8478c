"""The monitors of a desktop, and which rectangle of it a `screen:` means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from streamcam.errors import UsageError

Monitors = list[dict[str, Any]]  # the whole desktop, then each monitor, as mss lists them
_REGION = re.compile(r"(-?\d{1,9}),(-?\d{1,9}),(\d{1,9}),(\d{1,9})", re.ASCII)


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
    if argument.isascii() and argument.isdecimal():
        for one in known:
            if str(one.number) == argument.lstrip("0"):
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


def rectangle(box: Screen) -> dict[str, int]:
    return {"left": box.x, "top": box.y, "width": box.width, "height": box.height}


def _inside(region: Screen, desktop: dict[str, Any]) -> bool:
    return (
        region.width > 0
        and region.height > 0
        and region.x >= desktop["left"]
        and region.y >= desktop["top"]
        and region.x + region.width <= desktop["left"] + desktop["width"]
        and region.y + region.height <= desktop["top"] + desktop["height"]
    )
