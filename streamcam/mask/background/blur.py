"""Background "blur": the styled background, out of focus, without a halo of the person.

What is blurred is the picture times the background's share, and what it is divided by is that share
blurred alike (normalised convolution): no pixel of the person is in it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from streamcam.frames import Pixels
from streamcam.mask import Plane

_SIZE = (160, 90)
_WINDOW = (13, 13)  # of _SIZE, twice: at 1280x720 a blur of about 60 pixels
_NONE = np.float32(1e-4)
_CERTAIN = np.float32(0.9)  # share of background from which a pixel counts
_GROWN = np.ones((5, 5), np.uint8)  # so far around the person nothing counts


class BlurredBackground:
    """Used by one thread."""

    moves = False

    def __init__(self) -> None:
        self._made = np.zeros((0, 0, 3), np.uint8)

    def behind(self, styled: Pixels, camera: Pixels, mask: Plane) -> Pixels:
        if self._made.shape != styled.shape:
            self._made = np.empty_like(styled)
        small = cv2.resize(styled, _SIZE, interpolation=cv2.INTER_LINEAR).astype(np.float32)
        person = cv2.dilate(cv2.resize(mask, _SIZE, interpolation=cv2.INTER_AREA), _GROWN)
        counts = np.maximum(1.0 - np.asarray(person, np.float32) / (1.0 - _CERTAIN), 0.0)
        planes = np.dstack((small * counts[:, :, None], counts))
        planes[:, :, 3] += _NONE
        planes[:, :, :3] += _NONE * small
        for _ in range(2):
            planes = cv2.boxFilter(planes, cv2.CV_32F, _WINDOW)
        blurred: NDArray[np.float32] = planes[:, :, :3] / planes[:, :, 3:]
        size = styled.shape[1::-1]
        cv2.resize(blurred.astype(np.uint8), size, dst=self._made, interpolation=cv2.INTER_LINEAR)
        return self._made

    def close(self) -> None: ...
