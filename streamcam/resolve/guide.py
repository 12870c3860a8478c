"""Guide: how a look depends on luma, fitted to a pair, applied to the luma of a larger picture.

In windows around each pixel of the pair, luma and chroma of the styled picture are fitted by luma
of what the engine was given: styled ≈ a · luma + b (He, Sun and Tang 2010, "Guided Image
Filtering"). The slope `a` alone is taken from the fit: b = styled − a · luma keeps what luma does
not explain, hatching and neon light. Both are enlarged and applied to the larger luma (He and Sun
2015, "Fast Guided Filter"), so what is added to the enlarged look is `a` times the detail that the
small picture lacks. Where luma explains nothing `a` is zero, and the look stands as it is.

Chroma is made at the pair's size, where luma's change since the pair corrects it, and enlarged to
half the width and height, as every camera and video has it (4:2:0). Fixed point throughout: 1/32 of
a level, int16. What was tried, and what each step takes: tests/benchmarks/README.md.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from streamcam.frames import Pixels
from streamcam.frames.geometry import Size
from streamcam.resolve.luma import half_of

_Plane = NDArray[np.float32]  # (height, width)
Levels = NDArray[np.int16]  # (height, width): levels, or 1/32 of one

_WINDOW = (7, 7)
_NOISE = 50.0  # ε of the fit, levels²: what varies less than this is not followed
_BITS = 5  # of a fixed-point number's fraction
_UNIT = 1 << _BITS
_GAIN_BITS = 5
_GAIN = 1 << _GAIN_BITS
_STEEPEST = 3.0  # slope, either way: then a · luma + b fits int16
_MOST = int(_UNIT * _STEEPEST)
_ZERO = 128  # code of slope 0 in uint8


class _Range(NamedTuple):
    """From 0 … 255 to a video's levels: times factor/64, plus offset/32."""

    factor: np.int16
    offset: np.int16


# OpenCV makes RGB of a video's levels alone, luma 16 … 235 and chroma 16 … 240: 219/255 and
# 224/255, of which these are 0.1 and 0.4 % off. Half a level more, since what follows rounds down.
_LUMA = _Range(np.int16(55), np.int16(16 * _UNIT + _UNIT // 2))
_CHROMA = _Range(np.int16(56), np.int16(128 * _UNIT - 128 * 56 // 2 + _UNIT // 2))


class Detail(NamedTuple):
    """Luma of the frame that is shown, (height, width), 0 … 255.

    full   int16, at the size of the picture that is made
    small  uint8, at the pair's size
    gain   of what `small` lacks; see `gain`
    """

    full: Levels
    small: Pixels
    gain: float = 1.0


def planes_of(styled: Pixels, luma: Pixels) -> Pixels:
    """A pair as it is worked with: (height, width, 4) uint8 of Y, Cr, Cb (BT.601, 0 … 255) of the
    styled picture (height, width, 3), and the luma (height, width) that it was made of."""
    return np.asarray(cv2.merge([*cv2.split(cv2.cvtColor(styled, cv2.COLOR_RGB2YCrCb)), luma]))


def slopes(pair: Pixels) -> Pixels:
    """(height, width, 3) uint8 codes of the slopes of Y, Cr and Cb by luma: 128 + 32 a, a from −3
    to 3, all of them in a video's levels. `pair`: of `planes_of`, at any size."""
    *planes, luma = cv2.split(pair)
    guide: _Plane = luma.astype(np.float32)
    mean = _mean(guide)
    share = _UNIT / 64 / (_mean(guide * guide) - mean * mean + np.float32(_NOISE))
    codes = []
    for plane, levels in zip(planes, (_LUMA, _CHROMA, _CHROMA), strict=True):
        level: _Plane = plane.astype(np.float32)
        slope = (_mean(level * guide) - _mean(level) * mean) * (share * np.float32(levels.factor))
        np.clip(slope, -_MOST, _MOST, out=slope)
        slope += _ZERO + 0.5
        codes.append(slope.astype(np.uint8))
    return np.asarray(cv2.merge(codes), np.uint8)


def _mean(plane: _Plane) -> _Plane:
    return np.asarray(cv2.boxFilter(plane, cv2.CV_32F, _WINDOW), np.float32)


class Guide:
    """Makes pictures of one size of pairs of one size. Used by one thread."""

    def __init__(self, pair: Size, luma: Size, size: Size) -> None:
        """(width, height) of the pairs, of the luma that they are enlarged with, and of what is
        made. Where the luma is smaller, luma is made at its size and then enlarged."""
        width, height = size
        half = half_of(size)
        even = (2 * half[0], 2 * half[1])
        self._pair, self._detailed, self._size, self._half = pair, luma, size, half
        small, large = pair[::-1], luma[::-1]
        self._luma, self._slope, self._rest, self._part, self._change = (
            np.empty(small, np.int16) for _ in range(5)
        )
        self._chroma = np.empty(small, np.uint8)
        self._large_slope, self._large_rest = (np.empty(large, np.int16) for _ in range(2))
        # Y, then U, then V, as `cv2.cvtColor` reads them: of even width and height.
        self._video = np.zeros((3 * half[1], 2 * half[0]), np.uint8)
        flat, area = self._video.reshape(-1), half[0] * half[1]
        self._y = flat[: 4 * area].reshape(even[1], even[0])[:height, :width]
        self._u, self._v = (
            flat[start : start + area].reshape(half[1], half[0]) for start in (4 * area, 5 * area)
        )
        self._large_y = self._y if luma == size else np.empty(large, np.uint8)
        self._whole = None if even == size else np.empty((even[1], even[0], 3), np.uint8)

    def apply(self, pair: Pixels, codes: Pixels, detail: Detail, into: Pixels) -> None:
        """Write the look of `pair`, of `planes_of`, enlarged with `detail`, as RGB into (height,
        width, 3), which may be a part of a picture.

        `codes` are `slopes` of the pair, at its size or smaller. Both are uint8.
        """
        y, cr, cb, luma = cv2.split(pair)
        slope_y, slope_cr, slope_cb = cv2.split(codes)
        np.copyto(self._luma, detail.small)
        np.subtract(self._luma, luma, out=self._change)
        self._add_detail(y, slope_y, detail)
        self._add_change(cb, slope_cb, self._u)
        self._add_change(cr, slope_cr, self._v)
        self._write(into)

    def enlarge(self, pair: Pixels, into: Pixels) -> None:
        """Likewise, without detail."""
        y, cr, cb, _ = cv2.split(pair)
        for plane, levels, size, made in (
            (y, _LUMA, self._size, self._y),
            (cb, _CHROMA, self._half, self._u),
            (cr, _CHROMA, self._half, self._v),
        ):
            self._take(plane, levels)
            _to_levels(self._rest, self._chroma)
            cv2.resize(self._chroma, size, dst=made, interpolation=cv2.INTER_CUBIC)
        self._write(into)

    def _write(self, into: Pixels) -> None:
        if self._whole is None:
            cv2.cvtColor(self._video, cv2.COLOR_YUV2RGB_I420, dst=into)
        else:
            width, height = self._size
            cv2.cvtColor(self._video, cv2.COLOR_YUV2RGB_I420, dst=self._whole)
            np.copyto(into, self._whole[:height, :width])

    def _add_detail(self, plane: MatLike, codes: MatLike, detail: Detail) -> None:
        """Y at the pair's size, corrected, and enlarged with gain · slope · what luma has beyond
        that size: as slope · luma + rest, where rest = Y − slope · luma at the pair's size."""
        self._correct(plane, codes, _LUMA)
        slope, rest = self._slope, self._rest
        slope *= np.int16(round(detail.gain * _GAIN))
        slope >>= _GAIN_BITS
        np.clip(slope, -_MOST, _MOST, out=slope)
        np.multiply(slope, self._luma, out=self._part)
        rest -= self._part
        sums, rests = self._large_slope, self._large_rest
        cv2.resize(slope, self._detailed, dst=sums, interpolation=cv2.INTER_LINEAR)
        cv2.resize(rest, self._detailed, dst=rests, interpolation=cv2.INTER_LINEAR)
        np.multiply(sums, detail.full, out=sums)
        np.add(sums, rests, out=sums)
        _to_levels(sums, self._large_y)
        if self._large_y is not self._y:
            cv2.resize(self._large_y, self._size, dst=self._y, interpolation=cv2.INTER_CUBIC)

    def _add_change(self, plane: MatLike, codes: MatLike, into: Pixels) -> None:
        """Chroma at the pair's size, corrected, and enlarged."""
        self._correct(plane, codes, _CHROMA)
        _to_levels(self._rest, self._chroma)
        cv2.resize(self._chroma, self._half, dst=into, interpolation=cv2.INTER_LINEAR)

    def _correct(self, plane: MatLike, codes: MatLike, levels: _Range) -> None:
        """Take a plane in a video's levels, plus slope · what luma changed by since the pair."""
        slope, rest = self._slope, self._rest
        small = codes.astype(np.int16)
        small -= _ZERO
        cv2.resize(small, self._pair, dst=slope, interpolation=cv2.INTER_LINEAR)
        self._take(plane, levels)
        np.multiply(slope, self._change, out=self._part)
        rest += self._part

    def _take(self, plane: MatLike, levels: _Range) -> None:
        """Take a plane in a video's levels."""
        rest = self._rest
        np.copyto(rest, plane)
        rest *= levels.factor
        rest >>= 1
        rest += levels.offset


def _to_levels(fixed: Levels, into: Pixels) -> None:
    """From 1/32 of a level, which is written to, to whole ones in uint8."""
    np.right_shift(fixed, _BITS, out=fixed)
    np.clip(fixed, 0, 255, out=fixed)
    np.copyto(into, fixed, casting="unsafe")
