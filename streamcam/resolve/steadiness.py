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
_LEAST, _MOST = 1.0, 6.0  # levels of luma: bounds of the noise
_QUIETEST = 25  # percentile of windows whose unrest is taken for noise alone
_SAMPLED = 4  # one window of so many is looked at for that, each way
# The difference of second differences, blind to edges and slopes (Immerkær 1996, "Fast Noise
# Variance Estimation"); its mean over the noise's standard deviation is 6 · √(2/π).
_UNREST = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_UNREST_OF_NOISE = 6.0 * (2.0 / np.pi) ** 0.5
_MARGIN = 1.7  # times the noise up to which a window's mean counts as still; at twice that it moves
_STRONGEST = 0.9  # weight of what was before, at steadiness 1
_AGREES = 24.0  # levels by which a styled pixel may change, in the mean of its window
_FULL, _NONE = np.uint8(255), np.uint8(0)
_WORTH = 0.25  # share of a picture that must stand still before its luma is blended


def noise_of(luma: Pixels) -> float:
    """Standard deviation of the noise of (height, width) luma, in levels, at least 1."""
    unrest = cv2.convertScaleAbs(cv2.filter2D(luma, cv2.CV_16S, _UNREST))
    means = _mean(unrest)[::_SAMPLED, ::_SAMPLED]
    quiet = float(np.percentile(means, _QUIETEST)) / _UNREST_OF_NOISE
    return float(min(max(quiet, _LEAST), _MOST))


def stillness(newest: Pixels, before: Pixels, noise: float) -> Mask:
    """Where two (height, width) lumas show the same but for `noise`, see `noise_of`."""
    return _falling(_mean(cv2.absdiff(newest, before)), _MARGIN * noise)


def weight(steadiness: float) -> float:
    """Of what was before, for a steadiness of 0 … 1."""
    return _STRONGEST * steadiness


class PairBlend:
    """Steadies what the engine makes, picture by picture. Used by one thread."""

    def __init__(self, steadiness: float) -> None:
        self._weight = weight(steadiness)
        self._pair: tuple[Pixels, Pixels] | None = None
        self._look: object = None

    def blend(
        self, styled: Pixels, luma: Pixels, look: object, noise: float
    ) -> tuple[Pixels, Pixels]:
        """A pair, steadied: `styled` (height, width, 3) and the `luma` it was made of.

        `look` is the object that says how it was styled: where it is another than before, nothing
        is blended, so that a crossfade keeps its own pace.
        """
        before, same = self._pair, look is self._look
        self._look = look
        self._pair = styled, luma
        if not self._weight or not same or before is None or before[0].shape != styled.shape:
            return styled, luma
        changed = cv2.cvtColor(cv2.absdiff(styled, before[0]), cv2.COLOR_RGB2GRAY)
        mask = _falling(_mean(changed), _AGREES)
        mask *= stillness(luma, before[1], noise)
        mask *= np.float32(self._weight)
        rest = 1.0 - mask
        self._pair = (
            np.asarray(cv2.blendLinear(styled, before[0], rest, mask), np.uint8),
            np.asarray(cv2.blendLinear(luma, before[1], rest, mask), np.uint8),
        )
        return self._pair


class LumaBlend:
    """Steadies the luma of camera frames of one size. Used by one thread."""

    def __init__(self, size: Size, steadiness: float) -> None:
        """`size`: (width, height) of the luma."""
        self._size = size
        self._weight = weight(steadiness)
        self._before: Pixels | None = None
        self._reference: Pixels | None = None  # of `before`, small
        self._mixed = np.empty((size[1], size[0]), np.uint8)
        self._moves = np.empty((size[1], size[0]), np.uint8)

    def blend(self, luma: Pixels, small: Pixels, noise: float) -> None:
        """Steady `luma` (height, width) in place. `small` is the same picture, smaller."""
        before, reference, share = self._before, self._reference, self._weight
        if not share:
            return
        if before is None or reference is None:
            self._before, self._reference = luma.copy(), small
            return
        moves = np.where(stillness(small, reference, noise) < 0.5, _FULL, _NONE)
        if cv2.countNonZero(moves) > (1.0 - _WORTH) * moves.size:
            np.copyto(before, luma)
            self._reference = small
            return
        mixed = cv2.addWeighted(small, 1.0 - share, reference, share, 0.0)
        self._reference = np.asarray(cv2.copyTo(small, moves, mixed), np.uint8)
        cv2.addWeighted(luma, 1.0 - share, before, share, 0.0, dst=self._mixed)
        cv2.resize(moves, self._size, dst=self._moves, interpolation=cv2.INTER_NEAREST)
        cv2.copyTo(luma, self._moves, self._mixed)
        np.copyto(luma, self._mixed)
        np.copyto(before, self._mixed)

    def forget(self) -> None:
        """The next luma stands as it is."""
        self._before = None


def _mean(plane: MatLike) -> Mask:
    """Of every window."""
    return np.asarray(cv2.boxFilter(plane, cv2.CV_32F, _WINDOW), np.float32)


def _falling(differs: Mask, still: float) -> Mask:
    """1 up to `still`, 0 from twice that, a straight line between. Writes to `differs`."""
    differs *= np.float32(-1.0 / still)
    differs += np.float32(2.0)
    return np.clip(differs, 0.0, 1.0, out=differs)
