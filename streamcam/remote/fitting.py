"""Fitting: a picture of the local engine's size in one of the engine elsewhere, and back."""

from __future__ import annotations

import cv2
import numpy as np

from streamcam.frames import Pixels
from streamcam.frames.geometry import Box, Size, inside
from streamcam.frames.scaling import Scaler


class Fitting:
    """Places a picture whole into one of `size`, (width, height). Around one of another shape its
    edges are repeated, as `flow/infer/engine_input.py` says why. Used by one thread."""

    def __init__(self, size: Size) -> None:
        self._size = size

    def there(self, pixels: Pixels) -> Pixels:
        """`pixels` in that size: themselves if they have it."""
        height, width = pixels.shape[:2]
        if (width, height) == self._size:
            return pixels
        box = inside(self._size, width / height)
        fitted = np.empty((self._size[1], self._size[0], 3), np.uint8)
        Scaler(Box(0, 0, width, height), box).scale(pixels, fitted)
        if box.size != self._size:
            right, bottom = self._size[0] - box.left - box.width, self._size[1] - box.top
            around = (box.top, bottom - box.height, box.left, right)
            cv2.copyMakeBorder(box.of(fitted), *around, cv2.BORDER_REPLICATE, dst=fitted)
        return fitted

    def back(self, made: Pixels) -> Pixels:
        """The part of `made` that shows a picture of that size which `there` placed in it."""
        width, height = self._size
        if made.shape == (height, width, 3):
            return made
        box = inside((made.shape[1], made.shape[0]), width / height)
        taken = np.empty((height, width, 3), np.uint8)
        Scaler(box, Box(0, 0, width, height)).scale(made, taken)
        return taken
