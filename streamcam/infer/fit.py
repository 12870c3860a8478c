"""Fit: a frame of any size becomes the engine's input, without a copy if it already is."""

from __future__ import annotations

import numpy as np

from streamcam.frames import Pixels
from streamcam.frames.scaling import Scaler


class Fit:
    """Crops to the engine's shape and scales. Used by one thread.

    The result is the frame itself or one buffer that the next call writes again: it is read
    by `Engine.run` and goes nowhere else.
    """

    def __init__(self, width: int, height: int) -> None:
        self._size = (width, height)
        self._buffer = np.empty((height, width, 3), np.uint8)
        self._from: tuple[int, int] | None = None  # the size that _scaler was made for
        self._scaler: Scaler | None = None

    def __call__(self, pixels: Pixels) -> Pixels:
        """`pixels` at the engine's size."""
        size = (pixels.shape[1], pixels.shape[0])
        if size == self._size:
            return pixels
        if self._scaler is None or size != self._from:
            self._scaler = Scaler(size, self._size, "crop")
            self._from = size
        self._scaler.scale(pixels, self._buffer)
        return self._buffer
