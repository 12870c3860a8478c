"""Trust: whether a look moves along with what it shows. Measured, pair by pair.

Of most looks a part of the picture looks the same wherever it moves to. A texture that is tied to
the screen, as an engraving's hatching, is not: moved, it is further from what the engine will make
of it than left where it was. So every pair says how well the one before it would have foretold it.
"""

from __future__ import annotations

import cv2
import numpy as np

from streamcam.frames import Pixels
from streamcam.resolve.reprojection import Followed, sampled

_MOVES = 6  # levels by which a pixel's luma changed, where something moves
_FEWEST = 0.02  # share of the picture that must move for a pair to say anything
_MEMORY = 0.9  # weight of what earlier pairs said
_EVERY = 4  # pairs that are looked at, one of so many
_LOST, _WON = 0.99, 0.95  # error moved over error left: above it moving ends, below it begins again


class Trust:
    """Used by one thread.

    moves  whether pictures should be moved
    """

    def __init__(self) -> None:
        self.moves = True
        self._before: tuple[Pixels, Pixels, object] | None = None
        self._pairs = 0
        self._moved = self._left = 0.0  # sums of errors

    def look_at(self, pair: Pixels, small: Pixels, look: object, found: Followed | None) -> None:
        """The next pair, of `guide.planes_of`, and the same smaller. `look` says how it was styled:
        only pairs of the same object are compared. `found`: where it was in the pair before; None
        where nothing says so."""
        self._pairs = (self._pairs + 1) % _EVERY
        if self._pairs > 1:
            return
        styled, luma = _plane(pair, 0), _plane(small, 3)
        before, self._before = self._before, (styled, luma, look)
        if self._pairs != 1 or before is None or before[2] is not look or found is None:
            return
        apart = cv2.absdiff(luma, before[1])
        _, changed = cv2.threshold(apart, _MOVES, 255, cv2.THRESH_BINARY)
        if cv2.countNonZero(changed) < _FEWEST * luma.size:
            return
        changed = cv2.resize(changed, styled.shape[::-1], interpolation=cv2.INTER_NEAREST)
        moved = cv2.mean(cv2.absdiff(styled, sampled(before[0], found.places)), changed)[0]
        left = cv2.mean(cv2.absdiff(styled, before[0]), changed)[0]
        self._moved = _MEMORY * self._moved + moved
        self._left = _MEMORY * self._left + left
        self.moves = self._moved <= (_LOST if self.moves else _WON) * self._left


def _plane(pair: Pixels, number: int) -> Pixels:
    return np.asarray(cv2.extractChannel(pair, number), np.uint8)
