"""Luma of camera frames, at any size."""

from __future__ import annotations

import cv2
import numpy as np

from streamcam.frames import Pixels
from streamcam.frames.geometry import Box, Size

# A halved picture stands for one that is larger by so much: 160x90 for 160x91.
_LARGER = 1.05


class Luma:
    """Takes what is visible of frames of one size. Used by one thread.

    Halved again and again, which is the mean of four pixels, and stretched from there: bilinear
    alone would skip pixels.
    """

    def __init__(self, visible: Box, smallest: Size) -> None:
        """`smallest`: (width, height) that will be asked for."""
        self._visible = visible
        self._levels = [np.empty((visible.height, visible.width), np.uint8)]
        size = half_of(visible.size)
        while _serves(size, smallest):
            self._levels.append(np.empty(size[::-1], np.uint8))
            size = half_of(size)
        self._stretched: dict[Size, Pixels] = {}

    def look_at(self, pixels: Pixels) -> None:
        """Take (height, width, 3) RGB."""
        plane = self._levels[0]
        cv2.cvtColor(self._visible.of(pixels), cv2.COLOR_RGB2GRAY, dst=plane)
        for level in self._levels[1:]:
            cv2.resize(plane, level.shape[::-1], dst=level, interpolation=cv2.INTER_LINEAR)
            plane = level

    def at(self, size: Size) -> Pixels:
        """(height, width) of the frame that was looked at last; the next one writes it again."""
        serving = [level for level in self._levels if _serves(level.shape[::-1], size)]
        level = serving[-1] if serving else self._levels[0]
        if level.shape == size[::-1]:
            return level
        if size not in self._stretched:
            self._stretched[size] = np.empty(size[::-1], np.uint8)
        into = self._stretched[size]
        cv2.resize(level, size, dst=into, interpolation=cv2.INTER_LINEAR)
        return into


def _serves(level: Size, size: Size) -> bool:
    return level[0] * _LARGER >= size[0] and level[1] * _LARGER >= size[1]


def half_of(size: Size) -> Size:
    """(width, height), rounded up."""
    return (size[0] + 1) // 2, (size[1] + 1) // 2


def luma_of(pixels: Pixels, part: Box) -> Pixels:
    """(height, width) of a part of (…, …, 3) RGB: a new array."""
    return np.asarray(cv2.cvtColor(part.of(pixels), cv2.COLOR_RGB2GRAY), np.uint8)
