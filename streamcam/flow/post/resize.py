"""Resize: a part of a picture becomes a picture of the output's size."""

from __future__ import annotations

from streamcam.frames import FramePool, Pixels
from streamcam.frames.geometry import Box, Size
from streamcam.frames.scaling import Scaler


class Resize:
    """From a part of one picture to a part of another, between black bars. See `Step`."""

    def __init__(self, part: Box, shown: Box, size: Size) -> None:
        """`size`: (width, height) of what is made, of which `shown` is the picture."""
        self._scaler = Scaler(part, shown)
        # Buffers start black and only this step writes to them, always inside the bars: the
        # bars are cleared once a buffer. Another part or place means another Resize.
        self._pool = FramePool(*size)

    def apply(self, pixels: Pixels) -> Pixels:
        resized = self._pool.take()
        self._scaler.scale(pixels, resized)
        return resized
