"""Steadiness of a mask over time: the more two masks disagree, the more the newer one counts.

Edges that only tremble are calm, and edges that move are crisp.
"""

from __future__ import annotations

import cv2
import numpy as np

from streamcam.mask import Plane

_WINDOW = (5, 5)  # in which the two are compared: noise is no movement
_LEAST = 0.12  # weight of the newer mask where the two agree
_APART = 0.25  # mean difference from which it counts alone


class Steady:
    """Used by one thread."""

    def __init__(self) -> None:
        self._before: Plane | None = None

    def blend(self, mask: Plane) -> Plane:
        """The mask to use; the next call writes to it."""
        before = self._before
        if before is None or before.shape != mask.shape:
            self._before = mask.copy()
            return self._before
        change = mask - before
        weight = np.asarray(cv2.blur(np.abs(change), _WINDOW), np.float32)
        weight *= np.float32((1.0 - _LEAST) / _APART)
        weight += np.float32(_LEAST)
        np.minimum(weight, np.float32(1.0), out=weight)
        change *= weight
        before += change
        return before

    def take(self, mask: Plane) -> Plane:
        """A mask that is steady already, to go on from; the next call writes to no other."""
        self._before = mask
        return mask

    def forget(self) -> None:
        """The next mask stands as it is."""
        self._before = None
