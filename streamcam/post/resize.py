"""Resize: pictures of the engine's size become pictures of the output's size."""

from __future__ import annotations

from streamcam.frames import FramePool, Pixels
from streamcam.frames.scaling import Fit, Scaler


class Resize:
    """From one size to another, cropped or between black bars. See `Step`."""

    def __init__(self, source: tuple[int, int], target: tuple[int, int], fit: Fit) -> None:
        self._scaler = Scaler(source, target, fit)
        # Buffers start black and only this step writes to them, always inside the bars: the
        # bars are cleared once a buffer. Another source size means another Resize.
        self._pool = FramePool(*target)

    def apply(self, pixels: Pixels) -> Pixels:
        """See `Step`."""
        resized = self._pool.take()
        self._scaler.scale(pixels, resized)
        return resized
