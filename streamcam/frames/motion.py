"""Motion: how much a picture differs from the last processed one, where it differs most.

A picture becomes a 64x36 luma thumbnail. Its absolute difference to the reference, less a
noise floor, is averaged over every 4x4 window of the thumbnail (about 80x80 pixels of a
1280x720 frame); the window that changed most decides:

    similarity = 1 − min(1, max over windows(mean(max(|Δ| − NOISE, 0))) / SPAN)

So a mouth that moves in the corner of a still picture counts in full, sensor noise (averaged
away by the thumbnail, the rest below the floor) does not, and a slow fade adds up because the
reference stays until a frame is processed. Measured at 1280x720: 0.10 ms (p95 0.15 ms). White
sensor noise of σ 6 levels leaves s at 0.998; a mouth of 60x18 pixels that darkens by 20 levels
brings it to 0.98, by 40 levels to 0.94.
"""

from __future__ import annotations

import cv2
import numpy as np

from streamcam.frames import Pixels
from streamcam.frames.geometry import Box

_THUMB = (64, 36)
_COARSE = (256, 144)  # a cheap bilinear step on the way: an area mean straight from 720p is 0.8 ms
_WINDOW = (4, 4)
_NOISE = 3  # luma levels of 255 that a thumbnail pixel may move without counting
_SPAN = 64.0  # mean luma levels above the floor that are similarity 0


class Motion:
    """Compares thumbnails. Keeps no picture, only thumbnails; used by one thread."""

    def __init__(self) -> None:
        width, height = _THUMB
        self._coarse = np.empty((_COARSE[1], _COARSE[0], 3), np.uint8)
        self._colour = np.empty((height, width, 3), np.uint8)
        self._luma = np.empty((height, width), np.uint8)
        self._difference = np.empty((height, width), np.uint8)
        self._noise = np.full((height, width), _NOISE, np.uint8)
        self._windows = np.empty((height, width), np.float32)
        self._mask = np.empty((height, width), np.bool_)
        self._size = (0, 0)  # (width, height) of the picture that was compared last
        self._reference: Pixels | None = None

    def similarity(self, pixels: Pixels) -> float:
        """Of `pixels` to the reference, 0 … 1; 0 while there is no reference."""
        self._look_at(pixels)
        if self._reference is None:
            return 0.0
        cv2.absdiff(self._luma, self._reference, dst=self._difference)
        cv2.subtract(self._difference, self._noise, dst=self._difference)
        cv2.boxFilter(self._difference, cv2.CV_32F, _WINDOW, dst=self._windows)
        most_changed = cv2.minMaxLoc(self._windows)[1]
        return float(max(0.0, 1.0 - most_changed / _SPAN))

    def changed(self, limit: float) -> Box | None:
        """The part of the picture that was compared last whose windows' similarity is `limit` or
        less; None: there is no reference, or no such window."""
        if self._reference is None:
            return None
        np.greater_equal(self._windows, (1.0 - limit) * _SPAN, out=self._mask)
        left, top, width, height = cv2.boundingRect(self._mask.view(np.uint8))
        if not width:
            return None
        # A window begins before the pixel that its mean is written to.
        columns = _pixels(left, width, _WINDOW[0], _THUMB[0], self._size[0])
        rows = _pixels(top, height, _WINDOW[1], _THUMB[1], self._size[1])
        return Box(columns[0], rows[0], columns[1] - columns[0], rows[1] - rows[0])

    def keep(self, part: Box | None = None) -> None:
        """Make the picture that was compared last the reference, or that part of it."""
        if self._reference is None:
            self._reference = self._luma.copy()
        elif part is None:
            np.copyto(self._reference, self._luma)
        else:
            thumb = self._thumb_of(part)
            np.copyto(thumb.of(self._reference), thumb.of(self._luma))

    def _thumb_of(self, part: Box) -> Box:
        """The pixels of the thumbnail that lie in a part of the picture."""
        across, down = _THUMB[0] / self._size[0], _THUMB[1] / self._size[1]
        left, top = round(part.left * across), round(part.top * down)
        right = round((part.left + part.width) * across)
        bottom = round((part.top + part.height) * down)
        return Box(left, top, right - left, bottom - top)

    def _look_at(self, pixels: Pixels) -> None:
        height, width = pixels.shape[:2]
        self._size = (width, height)
        if width >= 2 * _COARSE[0] and height >= 2 * _COARSE[1]:
            cv2.resize(pixels, _COARSE, dst=self._coarse, interpolation=cv2.INTER_LINEAR)
            pixels = self._coarse
        cv2.resize(pixels, _THUMB, dst=self._colour, interpolation=cv2.INTER_AREA)
        cv2.cvtColor(self._colour, cv2.COLOR_RGB2GRAY, dst=self._luma)


def _pixels(first: int, count: int, window: int, thumb: int, side: int) -> tuple[int, int]:
    """Where `count` windows in a row begin and end along a side of the picture."""
    begin = max(first - window // 2, 0)
    end = min(first + count + window - window // 2 - 1, thumb)
    return begin * side // thumb, -(-end * side // thumb)
