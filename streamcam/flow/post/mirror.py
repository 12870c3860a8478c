"""Mirror: left and right exchanged, as people know themselves from a mirror."""

from __future__ import annotations

import cv2

from streamcam.frames import FramePool, Pixels
from streamcam.frames.geometry import Box


class Mirror:
    """Takes a part out of a picture, mirrored: it is all that is left. See `Step`."""

    def __init__(self, part: Box) -> None:
        self._part = part
        self._pool = FramePool(*part.size)

    def apply(self, pixels: Pixels) -> Pixels:
        mirrored = self._pool.take()
        cv2.flip(self._part.of(pixels), 1, dst=mirrored)
        return mirrored
