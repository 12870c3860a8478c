"""Luma of camera frames: at the size of an output's picture, and at that of the engine's."""

from __future__ import annotations

import cv2
import numpy as np

from streamcam.frames import Pixels
from streamcam.frames.geometry import Box, Placement, Size


class Luma:
    """Takes what is visible of frames of one size. Used by one thread."""

    def __init__(self, placement: Placement) -> None:
        visible, shown, placed = placement.visible, placement.shown, placement.placed
        self._visible = visible
        self._whole = np.empty((visible.height, visible.width), np.uint8)
        self._large = Shrunk(visible.size, shown.size)
        self._small = Shrunk(visible.size, placed.size)

    def look_at(self, pixels: Pixels) -> None:
        """Take (height, width, 3) RGB."""
        cv2.cvtColor(self._visible.of(pixels), cv2.COLOR_RGB2GRAY, dst=self._whole)

    @property
    def large(self) -> Pixels:
        """(height, width) at the size that is shown, which the next call writes again. The caller
        may write to it."""
        return self._large.of(self._whole)

    @property
    def small(self) -> Pixels:
        """(height, width) at the size of the engine's picture: a new array."""
        return self._small.of(self._whole).copy()


class Shrunk:
    """(height, width) uint8 planes from one size to another, as `frames.scaling.Scaler` does with
    pictures: halved while that is possible, then bilinear."""

    def __init__(self, source: Size, target: Size) -> None:
        self._target = target
        self._halves: list[Pixels] = []
        width, height = source
        while width >= 2 * target[0] and height >= 2 * target[1]:
            width, height = width // 2, height // 2
            self._halves.append(np.empty((height, width), np.uint8))
        self._rest = np.empty((target[1], target[0]), np.uint8)
        self._as_it_is = (width, height) == target

    def of(self, plane: Pixels) -> Pixels:
        """One of its own buffers, or `plane` itself."""
        for half in self._halves:
            height, width = half.shape
            even = plane[: 2 * height, : 2 * width]
            cv2.resize(even, (width, height), dst=half, interpolation=cv2.INTER_AREA)
            plane = half
        if self._as_it_is:
            return plane
        cv2.resize(plane, self._target, dst=self._rest, interpolation=cv2.INTER_LINEAR)
        return self._rest


def luma_of(pixels: Pixels, part: Box) -> Pixels:
    """(height, width) of a part of (…, …, 3) RGB: a new array."""
    return np.asarray(cv2.cvtColor(part.of(pixels), cv2.COLOR_RGB2GRAY), np.uint8)
