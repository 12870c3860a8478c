"""Mirror: left and right exchanged, as people know themselves from a mirror."""

from __future__ import annotations

import cv2

from streamcam.frames import FramePool, Pixels


class Mirror:
    """For pictures of one size. See `Step`."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._pool = FramePool(*size)

    def apply(self, pixels: Pixels) -> Pixels:
        """See `Step`."""
        mirrored = self._pool.take()
        cv2.flip(pixels, 1, dst=mirrored)
        return mirrored
