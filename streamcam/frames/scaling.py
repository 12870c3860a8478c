"""Scaling parts of pictures into buffers that exist already, as cheaply as it looks good.

Measured at 1280x720 → 448x256 on one core: INTER_AREA 4.0 ms; halving once with INTER_AREA
(a vectorised 2x2 mean) and the rest with INTER_LINEAR 0.45 ms, without visible aliasing.
448x256 → 1280x720: INTER_CUBIC 0.6 ms, INTER_LINEAR 0.85 ms.
"""

from __future__ import annotations

import cv2
import numpy as np

from streamcam.frames.frame import Pixels
from streamcam.frames.geometry import Box


class Scaler:
    """Takes a part of one picture into a part of another. Used by one thread."""

    def __init__(self, source: Box, target: Box) -> None:
        self._from, self._to = source, target
        self._halves: list[Pixels] = []
        width, height = source.size
        while width >= 2 * target.width and height >= 2 * target.height:
            width, height = width // 2, height // 2
            self._halves.append(np.empty((height, width, 3), np.uint8))
        grows = target.width > width or target.height > height
        self._rest = cv2.INTER_CUBIC if grows else cv2.INTER_LINEAR

    def scale(self, pixels: Pixels, into: Pixels) -> None:
        """Write the scaled part into its place in `into`; what is beside it is not touched."""
        picture, target = self._from.of(pixels), self._to.of(into)
        for half in self._halves:
            height, width = half.shape[:2]
            even = picture[: 2 * height, : 2 * width]
            cv2.resize(even, (width, height), dst=half, interpolation=cv2.INTER_AREA)
            picture = half
        if picture.shape == target.shape:
            np.copyto(target, picture)
        else:
            cv2.resize(picture, self._to.size, dst=target, interpolation=self._rest)
