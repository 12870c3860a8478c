"""Steadiness: pictures are blended towards what was shown before, as far as the two agree.

A first-order recursive filter in time, out = new + w · m · (before − new). What the engine makes is
blended with what it made before, moved along; luma with where it stood still. The mask m is 1 where
two pictures differ by no more than sensor noise in the mean of a window, and 0 elsewhere, so a
moving edge is never mixed with where it was. The noise is measured.
"""

from __future__ import annotations

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from streamcam.frames import Pixels
from streamcam.frames.geometry import Size
from streamcam.resolve.reprojection import Followed, sampled

Mask = NDArray[np.float32]  # (height, width), 0 … 1
Levels = NDArray[np.int16]  # (height, width), 0 … 255

_WINDOW = (5, 5)
# The noise is taken from where two pictures differ least. Bounds of a window's mean difference, in
# levels: a sensor's noise of 2, 4 and 8 levels at 1280x720 leaves 0.3, 0.5 and 0.9 at 160x90.
_LEAST, _MOST = 0.4, 1.5
_SEEN = 0.2  # likewise: less is not visible, and blending luma is a tenth of a tick's work
_QUIETEST = (0.05, 0.25)  # shares of the windows, the quietest, whose most is taken for noise
_SPREAD = 1.5  # most that noise differs by at the second share, over the first: 1.3 to 1.6
_SAMPLED = 3  # one window of so many is looked at for that, each way
_MARGIN = 1.7  # times the noise up to which a window counts as still; at twice that it moves
_STRONGEST = 0.9  # weight of what was before, at steadiness 1
_AGREES = 24.0  # levels by which the styled Y, and half of chroma, may change in a window
_FULL, _NONE = np.uint8(255), np.uint8(0)
_CELL = 8  # pixels: as many as a number has bytes
_CELL_FULL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
_WORTH = 0.25  # share of a picture that must stand still before its luma is blended


def stillness(newest: Pixels, before: Pixels) -> Mask:
    """Where two (height, width) lumas, of about 160 pixels, show the same but for noise."""
    return still_where(_mean(cv2.absdiff(newest, before)))


def still_where(differs: Mask) -> Mask:
    """Likewise, of the mean difference in each window, which is written to."""
    return _falling(differs, _MARGIN * min(max(_noise(differs), _LEAST), _MOST))


def _noise(differs: Mask) -> float:
    """What differs where two pictures differ least, levels. Where all moves, the quietest windows
    differ far less than the next ones, which noise alone would not do."""
    ordered = np.sort(differs[::_SAMPLED, ::_SAMPLED], axis=None)
    least, most = (float(ordered[int(ordered.size * share)]) for share in _QUIETEST)
    return min(most, _SPREAD * least)


def weight(steadiness: float) -> float:
    """Of what was before, for a steadiness of 0 … 1."""
    return _STRONGEST * steadiness


class PairBlend:
    """Steadies what the engine makes, picture by picture. Used by one thread."""

    def __init__(self, steadiness: float) -> None:
        self._weight = weight(steadiness)
        self._before: tuple[Pixels, Pixels] | None = None
        self._look: object = None

    def use(self, steadiness: float) -> None:
        """Another one from the next picture on."""
        self._weight = weight(steadiness)

    def blend(
        self, pair: Pixels, small: Pixels, look: object, found: Followed | None
    ) -> tuple[Pixels, Pixels]:
        """A pair, of `guide.planes_of`, and the same smaller, both steadied.

        look   the object that says how it was styled: where it is another than before, nothing is
               blended, so that a crossfade keeps its own pace
        found  where it was in the pair before; None: where it is
        """
        before, same = self._before, look is self._look
        self._look, self._before = look, (pair, small)
        if not self._weight or not same or before is None:
            return pair, small
        if found is not None:
            before = sampled(before[0], found.places), sampled(before[1], found.small)
        *planes, luma = cv2.split(cv2.absdiff(small, before[1]))
        changed = cv2.addWeighted(planes[1], 0.5, planes[2], 0.5, 0.0)
        mask = _falling(_mean(cv2.add(planes[0], changed)), _AGREES)
        mask *= still_where(_mean(luma))
        # Half of the mask is the border: a weight for each pixel takes four times as long.
        still = np.where(mask > 0.5, _FULL, _NONE)
        enlarged = np.asarray(cv2.resize(still, pair.shape[1::-1]), np.uint8)
        self._before = (
            _mixed(pair, before[0], enlarged, self._weight),
            _mixed(small, before[1], still, self._weight),
        )
        return self._before

    def forget(self) -> None:
        """The next pair stands as it is."""
        self._before = None


def _mixed(now: Pixels, before: Pixels, still: Pixels, share: float) -> Pixels:
    """`now` with that share of `before`, where `still` is not 0."""
    steady = cv2.addWeighted(now, 1.0 - share, before, share, 0.0)
    return np.asarray(cv2.copyTo(now, cv2.bitwise_not(still), steady), np.uint8)


class LumaBlend:
    """Steadies the luma of camera frames of one size. Used by one thread."""

    def __init__(self, size: Size, steadiness: float) -> None:
        """`size`: (width, height) of the luma."""
        width, height = size
        self._weight = weight(steadiness)
        self._reference: Pixels | None = None  # what the frame before showed, small
        self._rests = False  # whether it stood still, and `_steady` holds it
        self._now, self._steady = (np.empty((height, width), np.int16) for _ in range(2))
        # Where something moves, in cells of eight pixels, one number a cell: enlarging a mask by
        # OpenCV takes five times as long.
        down, across = -(-height // _CELL), -(-width // _CELL)
        self._grid = (across, down)
        self._cells = np.empty((down, _CELL, across), np.uint64)
        rows = self._cells.view(np.uint8).reshape(down * _CELL, across * _CELL)
        self._moves = rows[:height, :width]

    def use(self, steadiness: float) -> None:
        """Another one from the next picture on."""
        self._weight = weight(steadiness)

    def blend(self, luma: Pixels, small: Pixels) -> Levels:
        """`luma` (height, width), steadied, until the next call. `small` is the same picture,
        smaller."""
        now, steady, share = self._now, self._steady, self._weight
        reference, self._reference, rested, self._rests = self._reference, small, self._rests, False
        np.copyto(now, luma)
        if not share or reference is None:
            return now
        differs = _mean(cv2.absdiff(small, reference))
        if _noise(differs) < _SEEN:
            return now
        moves = np.where(still_where(differs) < 0.5, _FULL, _NONE)
        if cv2.countNonZero(moves) > (1.0 - _WORTH) * moves.size:
            return now
        self._rests = True
        if not rested:
            np.copyto(steady, now)
            return steady
        mixed = cv2.addWeighted(small, 1.0 - share, reference, share, 0.0)
        self._reference = np.asarray(cv2.copyTo(small, moves, mixed), np.uint8)
        cv2.addWeighted(now, 1.0 - share, steady, share, 0.0, dst=steady)
        cells = cv2.resize(moves, self._grid, interpolation=cv2.INTER_NEAREST)
        self._cells[:] = np.where(cells, _CELL_FULL, np.uint64(0))[:, None, :]
        cv2.copyTo(now, self._moves, steady)
        return steady

    def forget(self) -> None:
        """The next luma stands as it is."""
        self._reference, self._rests = None, False


def _mean(plane: MatLike) -> Mask:
    """Of every window."""
    return np.asarray(cv2.boxFilter(plane, cv2.CV_32F, _WINDOW), np.float32)


def _falling(differs: Mask, still: float) -> Mask:
    """1 up to `still`, 0 from twice that, a straight line between. Writes to `differs`."""
    differs *= np.float32(-1.0 / still)
    differs += np.float32(2.0)
    return np.clip(differs, 0.0, 1.0, out=differs)
