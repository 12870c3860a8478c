"""Steadiness: what stands still is blended towards what was shown before, as far as it agrees.

A first-order recursive filter in time, out = new + w · m · (before − new). The mask m is 1 where
two pictures differ by no more than sensor noise in the mean of a window, and falls to 0 where
something moves, so a moving edge is never mixed with where it was. The noise is measured.
"""

from __future__ import annotations

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from streamcam.frames import Pixels
from streamcam.frames.geometry import Size

Mask = NDArray[np.float32]  # (height, width), 0 … 1

_WINDOW = (5, 5)
# The noise is taken from where two pictures differ least. Bounds of a window's mean difference, in
# levels: a sensor's noise of 2, 4 and 8 levels at 1280x720 leaves 0.3, 0.5 and 0.9 at 160x90.
_LEAST, _MOST = 0.4, 1.5
_QUIETEST = 0.25  # share of the windows, the quietest, whose most is taken for noise alone
_SAMPLED = 2  # one window of so many is looked at for that, each way
_MARGIN = 1.7  # times the noise up to which a window counts as still; at twice that it moves
_STRONGEST = 0.9  # weight of what was before, at steadiness 1
_AGREES = 24.0  # levels by which a styled pixel may change, in the mean of its window
_FULL, _NONE = np.uint8(255), np.uint8(0)
_WORTH = 0.25  # share of a picture that must stand still before its luma is blended


def stillness(newest: Pixels, before: Pixels) -> Mask:
    """Where two (height, width) lumas, of about 160 pixels, show the same but for noise."""
    differs = _mean(cv2.absdiff(newest, before))
    sampled = differs[::_SAMPLED, ::_SAMPLED].ravel()
    rank = int(sampled.size * _QUIETEST)
    quiet = float(np.partition(sampled, rank)[rank])
    return _falling(differs, _MARGIN * min(max(quiet, _LEAST), _MOST))


def weight(steadiness: float) -> float:
    """Of what was before, for a steadiness of 0 … 1."""
    return _STRONGEST * steadiness


class PairBlend:
    """Steadies what the engine makes, picture by picture. Used by one thread."""

    def __init__(self, steadiness: float) -> None:
        self._weight = weight(steadiness)
        self._pair: Pixels | None = None
        self._small: Pixels | None = None  # luma of that
        self._look: object = None

    def blend(self, pair: Pixels, small: Pixels, look: object) -> Pixels:
        """A pair, steadied: (height, width, 4), styled colours and the luma that they were made of.

        `small` is that luma at any size. `look` is the object that says how it was styled: where it
        is another than before, nothing is blended, so that a crossfade keeps its own pace.
        """
        before, reference, same = self._pair, self._small, look is self._look
        self._look, self._pair, self._small = look, pair, small
        if not self._weight or not same or before is None or reference is None:
            return pair
        height, width = small.shape
        apart = cv2.resize(cv2.absdiff(pair, before), (width, height))
        mask = _falling(_mean(cv2.cvtColor(apart, cv2.COLOR_RGBA2GRAY)), _AGREES)
        mask *= stillness(small, reference)
        mask *= np.float32(self._weight)
        self._small = np.asarray(cv2.blendLinear(small, reference, 1.0 - mask, mask), np.uint8)
        mask = np.asarray(cv2.resize(mask, pair.shape[1::-1]), np.float32)
        self._pair = np.asarray(cv2.blendLinear(pair, before, 1.0 - mask, mask), np.uint8)
        return self._pair


class LumaBlend:
    """Steadies the luma of camera frames of one size. Used by one thread."""

    def __init__(self, size: Size, steadiness: float) -> None:
        """`size`: (width, height) of the luma."""
        self._size = size
        self._weight = weight(steadiness)
        self._before: Pixels | None = None
        self._reference: Pixels | None = None  # of `before`, small
        self._buffers = [np.empty((size[1], size[0]), np.uint8) for _ in range(2)]
        self._moves = np.empty((size[1], size[0]), np.uint8)

    def blend(self, luma: Pixels, small: Pixels) -> Pixels:
        """`luma` (height, width), steadied: itself, or a buffer that the call after the next writes
        again. `small` is the same picture, smaller."""
        before, reference, share = self._before, self._reference, self._weight
        self._before, self._reference = None, small
        if not share or reference is None:
            return luma
        moves = np.where(stillness(small, reference) < 0.5, _FULL, _NONE)
        if cv2.countNonZero(moves) > (1.0 - _WORTH) * moves.size:
            return luma
        mixed = self._buffers[0]
        self._buffers.reverse()
        self._before = mixed
        if before is None:  # it has only just come to rest
            np.copyto(mixed, luma)
            return mixed
        steady = cv2.addWeighted(small, 1.0 - share, reference, share, 0.0)
        self._reference = np.asarray(cv2.copyTo(small, moves, steady), np.uint8)
        cv2.addWeighted(luma, 1.0 - share, before, share, 0.0, dst=mixed)
        cv2.resize(moves, self._size, dst=self._moves, interpolation=cv2.INTER_NEAREST)
        cv2.copyTo(luma, self._moves, mixed)
        return mixed

    def forget(self) -> None:
        """The next luma stands as it is."""
        self._reference = None


def _mean(plane: MatLike) -> Mask:
    """Of every window."""
    return np.asarray(cv2.boxFilter(plane, cv2.CV_32F, _WINDOW), np.float32)


def _falling(differs: Mask, still: float) -> Mask:
    """1 up to `still`, 0 from twice that, a straight line between. Writes to `differs`."""
    differs *= np.float32(-1.0 / still)
    differs += np.float32(2.0)
    return np.clip(differs, 0.0, 1.0, out=differs)
