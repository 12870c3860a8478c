"""RGB to I420 by the matrix of BT.709, which OpenCV does not know: its own is that of BT.601."""

from __future__ import annotations

import cv2
import numpy as np

from streamcam.frames import Pixels

_RED, _GREEN, _BLUE = 0.2126, 0.7152, 0.0722  # ITU-R BT.709, item 3.2
_LUMA = np.array([_RED, _GREEN, _BLUE])
# Rows: Cb and Cr, from −0.5 to 0.5 for R, G, B from 0 to 1.
_CHROMA = np.array(
    [
        (np.array([0, 0, 1]) - _LUMA) / (2 * (1 - _BLUE)),
        (np.array([1, 0, 0]) - _LUMA) / (2 * (1 - _RED)),
    ]
)
# From 0 … 255 to limited range: luma 16 … 235, chroma 16 … 240 around 128.
_TO_LUMA = np.append(_LUMA * 219 / 255, 16)[None]
_TO_CHROMA = np.column_stack((_CHROMA * 224 / 255, [128, 128]))


class ToI420:
    """Converts pictures of `width` x `height`, both even. Used by one thread at a time.

    1.6 ms for 1280x720 on one core, where OpenCV's own conversion takes 0.3.
    """

    def __init__(self, width: int, height: int) -> None:
        self._half: Pixels = np.empty((height // 2, width // 2, 3), np.uint8)
        self._chroma: Pixels = np.empty((height // 2, width // 2, 2), np.uint8)

    def __call__(self, rgb: Pixels, i420: Pixels) -> None:
        """Fill `i420`, (height * 3 / 2, width) uint8 without gaps, as OpenCV lays it out."""
        height, width = rgb.shape[:2]
        halves = (2, height // 2, width // 2)
        blue, red = i420[height:].reshape(halves)
        cv2.transform(rgb, _TO_LUMA, dst=i420[:height])
        cv2.resize(rgb, halves[:0:-1], dst=self._half, interpolation=cv2.INTER_AREA)
        cv2.transform(self._half, _TO_CHROMA, dst=self._chroma)
        cv2.extractChannel(self._chroma, 0, dst=blue)
        cv2.extractChannel(self._chroma, 1, dst=red)
