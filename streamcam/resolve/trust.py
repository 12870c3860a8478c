"""Trust: whether a look moves along with what it shows. Measured, pair by pair.

Of most looks a part of the picture looks the same wherever it moves to. A texture that is tied to
the screen, as an engraving's hatching, is not: moved, it is further from what the engine will make
of it than left where it was. So every pair says how well the one before it would have foretold it.
"""

from __future__ import annotations

import cv2
import numpy as np

from streamcam.frames import Pixels
from streamcam.frames.geometry import Size
from streamcam.resolve.reprojection import Reprojection, sampled

_MOVES = 6  # levels by which a pixel's luma changed, where something moves
_FEWEST = 0.02  # share of the picture that must move for a pair to say anything
_MEMORY = 0.9  # weight of what earlier pairs said
_EVERY = 4  # pairs that are looked at, one of so many: each costs a flow
_LOST, _WON = 0.99, 0.95  # error moved over error left: above it moving ends, below it begins again


class Trust:
    """Used by one thread.

    moves  whether pictures should be moved
    """

    def __init__(self, size: Size) -> None:
        """`size`: (width, height) of the engine's picture."""
        self.moves = True
        self._reprojection = Reprojection(size)
        self._before: tuple[Pixels, Pixels, object] | None = None
        self._pairs = 0
        self._moved = self._left = 0.0  # sums of errors

    def look_at(self, styled: Pixels, small: Pixels, look: object, span: float) -> None:
        """The next pair: `styled` (height, width, 3), and the `shrunk` luma it was made of.
        `look` says how it was styled: only pairs of the same object are compared. `span`: seconds
        since the one before."""
        self._pairs = (self._pairs + 1) % _EVERY
        if self._pairs > 1:
            return
        grey = np.asarray(cv2.cvtColor(styled, cv2.COLOR_RGB2GRAY), np.uint8)
        before, self._before = self._before, (grey, small, look)
        if self._pairs != 1 or before is None or before[2] is not look or span <= 0.0:
            return
        apart = cv2.absdiff(small, before[1])
        _, changed = cv2.threshold(apart, _MOVES, 255, cv2.THRESH_BINARY)
        if cv2.countNonZero(changed) < _FEWEST * small.size:
            return
        places = self._reprojection.follow(small, before[1], span).places
        self._reprojection.forget()
        changed = cv2.resize(changed, grey.shape[::-1], interpolation=cv2.INTER_NEAREST)
        moved = cv2.mean(cv2.absdiff(grey, sampled(before[0], places)), changed)[0]
        left = cv2.mean(cv2.absdiff(grey, before[0]), changed)[0]
        self._moved = _MEMORY * self._moved + moved
        self._left = _MEMORY * self._left + left
        self.moves = self._moved <= (_LOST if self.moves else _WON) * self._left
