"""CutOut: the person alone, with alpha, for outputs that show nothing behind."""

from __future__ import annotations

import cv2
import numpy as np

from streamcam.frames import FramePool, Pixels
from streamcam.frames.geometry import Size
from streamcam.mask.edges import Cut, put, taken


class CutOut:
    """For outputs of one size. Used by one thread."""

    def __init__(self, size: Size) -> None:
        """(width, height)."""
        self._pool = FramePool(*size, channels=4)

    def of(self, made: Pixels, cut: Cut, front: Pixels, behind: Pixels) -> Pixels:
        """(height, width, 4) RGB and alpha, not multiplied, in a buffer of a pool. Where alpha is 0
        the colours are those of `behind`: nothing of the room is in there.

        made    (height, width, 3): the person over `behind`
        front   (count, pixels, 3): the person's own colours in the soft cells
        behind  (height, width, 3)
        """
        into = self._pool.take()
        cv2.cvtColor(made, cv2.COLOR_RGB2RGBA, dst=into)
        cv2.insertChannel(cut.inside, into, 3)
        if len(front):
            alpha = np.rint(cut.shares * np.float32(255)).astype(np.uint8)[:, :, None]
            own = np.where(alpha > 0, front, taken(behind, cut.soft))
            put(np.concatenate((own, alpha), 2), into, cut.soft)
        return into
