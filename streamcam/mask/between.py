"""Between: the mask of a frame that its source did not look at.

A source sees some hundred pixels, and the edges are fitted to every frame anyway. Where nothing
around the person moved, the mask holds. Where something did, every other frame has the mask of the
one before it, moved by optical flow, which takes a fifth of the time. Where that does not explain
the frame, the source looks again.
"""

from __future__ import annotations

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from streamcam.frames import Pixels
from streamcam.frames.geometry import Size
from streamcam.mask import Plane

_MOST = 3  # frames in a row that a mask holds
_FLOW: Size = (160, 90)  # what frames are compared at
_BLOCKS: Size = (40, 22)
_HOLDS = 3.0  # levels that a block may differ by: at a sharp edge, two pixels of 1280x720
_EXPLAINS = 12.0  # likewise once it is moved: what is uncovered stays different
_INSIDE = 0.995  # share of the person from which a block may change: a face that talks


class Between:
    """Used by one thread."""

    def __init__(self) -> None:
        self._seen: Pixels | None = None  # luma of the frame that was looked at last, of _FLOW
        self._mask: Plane | None = None  # of it
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._field = np.zeros((_FLOW[1], _FLOW[0], 2), np.float32)
        self._grid = np.zeros((0, 0, 2), np.float32)
        self._rested = 0

    def mask(self, luma: Pixels, person: Plane) -> Plane | None:
        """Of a frame of this luma, (height, width); None: its source has to look. `person`: the
        finished mask of the frame before, of any size."""
        if self._seen is None or self._mask is None or self._rested >= _MOST:
            return None
        now = _small(luma)
        around: NDArray[np.bool_] = np.less(_blocks(person), _INSIDE)
        if _apart(now, self._seen, around) < _HOLDS:
            self._rested += 1
            return self._mask
        if self._rested:
            return None
        self._rested = _MOST
        self._flow.calc(now, self._seen, self._field)
        if _apart(now, self._moved(self._seen), around) > _EXPLAINS:
            return None
        return np.asarray(self._moved(self._mask), np.float32)

    def looked(self, luma: Pixels, mask: Plane) -> None:
        """A frame of this luma was looked at, and has this mask."""
        self._seen, self._mask, self._rested = _small(luma), mask, 0

    def forget(self) -> None:
        """The next frame is looked at."""
        self._seen = self._mask = None

    def _moved(self, plane: MatLike) -> MatLike:
        """`plane`, of any size, by the flow that was found."""
        height, width = plane.shape
        if self._grid.shape[:2] != (height, width):
            self._grid = np.dstack(np.meshgrid(np.arange(width), np.arange(height)))
            self._grid = self._grid.astype(np.float32)
        scale = np.array((width / _FLOW[0], height / _FLOW[1]), np.float32)
        at = np.asarray(cv2.resize(self._field, (width, height)), np.float32) * scale + self._grid
        x, y = cv2.extractChannel(at, 0), cv2.extractChannel(at, 1)
        return cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _small(luma: Pixels) -> Pixels:
    return np.asarray(cv2.resize(luma, _FLOW, interpolation=cv2.INTER_AREA), np.uint8)


def _blocks(plane: MatLike) -> NDArray[np.generic]:
    return np.asarray(cv2.resize(plane, _BLOCKS, interpolation=cv2.INTER_AREA))


def _apart(one: MatLike, other: MatLike, around: NDArray[np.bool_]) -> float:
    """The most that a block differs by, in levels, where it counts."""
    return float(np.max(_blocks(cv2.absdiff(one, other)), where=around, initial=0))
