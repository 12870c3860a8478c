"""Mask source `green`: chroma key. How green a pixel is, over how green the screen is, is how much
of it is the screen (Vlahos' colour difference)."""

from __future__ import annotations

import cv2
import numpy as np

from streamcam.frames import Pixels
from streamcam.mask import MaskSettings, MaskSource, NoMask, Plane

_GREEN = 28  # levels of green above red and blue from which a pixel may be the screen
_FEWEST = 0.01  # share of such pixels without which there is no screen
_LEVEL = 0.5  # of those pixels, in order: the one whose green is the screen's
_MEMORY = 0.9  # weight of what the screen was
# Shares of the screen's green: up to the first a pixel is the person, from the second on the
# screen. Screens are lit unevenly, and grey is never wholly grey.
_NONE, _ALL = 0.12, 0.72


def open_source(settings: MaskSettings) -> MaskSource:
    return Green()


class Green:
    """Used by one thread at a time."""

    exact = True

    def __init__(self) -> None:
        self._screen = 0.0  # levels

    def look_at(self, picture: Pixels) -> Plane:
        excess = _excess(picture)
        self._measure(np.asarray(excess[::4, ::4], np.uint8))
        return self._person(excess)

    def shares(self, colours: Pixels) -> Plane:
        return self._person(_excess(colours)) if len(colours) else np.zeros((0, 0), np.float32)

    def clean(self, colours: Pixels) -> None:
        np.minimum(
            colours[..., 1], np.maximum(colours[..., 0], colours[..., 2]), out=colours[..., 1]
        )

    def _person(self, excess: Pixels) -> Plane:
        levels = np.arange(256, dtype=np.float32)
        span = np.float32((_ALL - _NONE) * self._screen)
        table = np.clip((np.float32(_ALL * self._screen) - levels) / span, 0.0, 1.0)
        return np.asarray(cv2.LUT(excess, table), np.float32)

    def _measure(self, excess: Pixels) -> None:
        green = excess[excess >= _GREEN]
        if green.size < _FEWEST * excess.size:
            raise NoMask("no green screen is to be seen")
        level = float(np.quantile(green, _LEVEL))
        memory = _MEMORY if self._screen else 0.0
        self._screen = memory * self._screen + (1.0 - memory) * level


def _excess(picture: Pixels) -> Pixels:
    """(height, width): levels by which green is more than red and blue."""
    red, green, blue = cv2.split(picture)
    return np.asarray(cv2.subtract(green, cv2.max(red, blue)), np.uint8)
