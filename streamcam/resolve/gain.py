"""Gain: how much of luma's finest detail a look shows. Measured, pair by pair.

The guide's slopes say how a look follows luma over some dozen pixels. Finer detail it may show less
(oil and thermal smooth) or more (chalk draws lines). What it makes of detail that a pair is too
small for cannot be seen in that pair, but what it makes of the finest that the pair has can: what
the styled picture loses by being halved, over what its slopes make of what luma loses. From there
on the same again is expected: a look that halves what is one octave finer than the slopes' windows
quarters what is two octaves finer.

Where the two have nothing to do with each other, as in neon, the look draws lines of its own, and
the camera's detail is held back.
"""

from __future__ import annotations

from math import sqrt

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from streamcam.frames import Pixels
from streamcam.frames.geometry import Size
from streamcam.resolve.luma import half_of

_Plane = NDArray[np.float32]  # (height, width)

_EVERY = 8  # pairs that are looked at, one of so many, and the first of a look
_MEMORY = 0.7  # weight of what earlier pairs said
_OCTAVES = 1.5  # from the square of the ratio to the gain; see tests/benchmarks/README.md
_MOST = 2.0
_RELATED = 0.2  # correlation from which a look's detail counts as luma's
_UNRELATED = 0.25  # share of the gain where there is none
_LEAST, _FAINT = 1.0, 0.5  # levels²: a pair with less detail is dim, and most of it is noise


class Gain:
    """Used by one thread.

    value  by which slopes are multiplied, 0 … 2
    """

    def __init__(self) -> None:
        self.value = 1.0
        self._look: object = None
        self._pairs = 0
        self._sums = np.zeros(3)

    def look_at(self, pair: Pixels, codes: Pixels, look: object) -> None:
        """The next pair, of `guide.planes_of`, and its `slopes`. `look` says how it was styled."""
        if look is not self._look:
            self._look, self._pairs = look, 0
            self._sums[:] = 0.0
        self._pairs += 1
        if self._pairs % _EVERY != 1:
            return
        size = pair.shape[1::-1]
        slope = cv2.resize(cv2.extractChannel(codes, 0), size).astype(np.float32)
        slope -= np.float32(128)
        slope *= np.float32(1 / 32)
        made = slope * _lost(cv2.extractChannel(pair, 3), size)
        shown = _lost(cv2.extractChannel(pair, 0), size)
        products = (made * made, shown * shown, made * shown)
        sums = np.array([cv2.mean(product)[0] for product in products])
        if sums[0] < _LEAST:
            self.value = _FAINT
            return
        self._sums = _MEMORY * self._sums + sums
        expected, seen, both = self._sums
        ratio = sqrt(seen / expected)
        related = max(both / max(sqrt(expected * seen), 1e-9), 0.01)
        # What luma explains wholly is shown as it is: the next octave has the ratio of this one.
        wanted = min(ratio * min(_OCTAVES * ratio, 1.0 / related), _MOST)
        self.value = max(min(related / _RELATED, 1.0), _UNRELATED) * wanted


def _lost(plane: MatLike, size: Size) -> _Plane:
    """What a plane loses by being halved."""
    half = cv2.resize(plane, half_of(size), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.subtract(plane, cv2.resize(half, size), dtype=cv2.CV_32F), np.float32)
