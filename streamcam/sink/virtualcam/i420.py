"""RGB to I420: a luma for every pixel, and for two by two of them the mean of their chroma.

OpenCV's COLOR_RGB2YUV_I420 takes the chroma of one pixel in four (5.0), which makes stripes of a
pixel one flat colour: for a picture of fine detail 1.7 dB. It does not know BT.709 either.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from streamcam.frames import Pixels

Matrix = Literal["bt601", "bt709"]

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
# OpenCV's YCrCb has chroma from 0 to 255, for JPEG.
_LIMITED = np.round((np.arange(256) - 128) * 224 / 255 + 128).astype(np.uint8)


class ToI420:
    """Converts pictures of `width` x `height`, both even. Used by one thread at a time."""

    def __init__(self, width: int, height: int) -> None:
        self._half: Pixels = np.empty((height // 2, width // 2, 3), np.uint8)
        self._chroma: Pixels = np.empty((height // 2, width // 2, 2), np.uint8)

    def __call__(self, rgb: Pixels, i420: Pixels, matrix: Matrix) -> None:
        """Fill `i420`, (height * 3 / 2, width) uint8 without gaps, as OpenCV lays it out."""
        height, width = rgb.shape[:2]
        halves = (2, height // 2, width // 2)
        blue, red = i420[height:].reshape(halves)
        half = self._half
        cv2.resize(rgb, halves[:0:-1], dst=half, interpolation=cv2.INTER_AREA)
        if matrix == "bt709":
            cv2.transform(rgb, _TO_LUMA, dst=i420[:height])
            cv2.transform(half, _TO_CHROMA, dst=self._chroma)
            cv2.extractChannel(self._chroma, 0, dst=blue)
            cv2.extractChannel(self._chroma, 1, dst=red)
        else:
            cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420, dst=i420)  # its luma is kept
            cv2.cvtColor(half, cv2.COLOR_RGB2YCrCb, dst=half)
            cv2.LUT(half, _LIMITED, dst=half)
            cv2.extractChannel(half, 2, dst=blue)
            cv2.extractChannel(half, 1, dst=red)
