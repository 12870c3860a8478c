"""Reprojection: where each pixel of the newest frame was in an earlier one, by optical flow.

DIS flow (Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search"), from the newest
frame to the earlier one, so that the earlier picture can be sampled where each pixel came from. It
starts from the flow of the tick before, scaled by the time that it spans.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from streamcam.frames import Pixels
from streamcam.frames.geometry import Size
from streamcam.resolve.luma import half_of

Flow = NDArray[np.float32]  # (height, width, 2): x and y, in pixels of the size it is for
Plane = NDArray[np.float32]  # (height, width)
# x and y in another picture, in its pixels. In two planes: OpenCV 5.0 takes 1.4 times as long for
# one array of both, and 1.6 times for fixed-point ones, which must be made first.
Places = tuple[Plane, Plane]

# Flow is computed on luma of at most this width and height, in pixels. See the table in
# tests/benchmarks/README.md.
_LONGEST = 160
# OpenCV 5.0's flow reads beyond its own arrays for some sizes below this.
_SHORTEST = 40
_WRONG = 14  # levels of luma by which a pixel that was followed may differ
_OUTSIDE = -1.0  # pixels from the edge: beyond, what is there is repeated
_GROWTH = 3.0  # most that the last flow is stretched by as a start
# Share of pixels that were not found from which flow is tried without a start: after a fast
# reversal OpenCV 5.0 stays with the start, 79 pixels from where things are (findings/).
_MISLED = 0.15


class Followed(NamedTuple):
    """Where a frame was in an earlier one.

    places  where each pixel was, at the full size
    small   likewise, at the size that flow is computed at
    lost    (height, width) at that size: 255 where a pixel was not found where it was followed to,
            else 0, and where it would have been outside
    wrong   share of pixels that were not found, 0 … 1
    """

    places: Places
    small: Places
    lost: Pixels
    wrong: float


class Reprojection:
    """Compares luma of one size. Used by one thread.

    small     (width, height) at which flow is computed
    possible  False: pictures of this shape cannot be followed, and `follow` must not be called
    """

    def __init__(self, size: Size) -> None:
        """`size`: (width, height) of the engine's picture."""
        self._size = size
        scale = min(1.0, _LONGEST / max(size))
        width, height = (max(1, round(length * scale)) for length in size)
        self.small = (width, height)
        half = half_of(size)
        self._halved = half if half[0] >= width and half[1] >= height else None
        self.possible = min(width, height) >= _SHORTEST
        # Two, since OpenCV 5.0 keeps a start that it was given for later calls without one.
        self._goes_on, self._begins = (
            cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST) for _ in range(2)
        )
        self._flow: Flow | None = None
        self._span = 0.0
        self._places = places_in(size)
        self._small_places = places_in(self.small)

    def shrunk(self, picture: Pixels) -> Pixels:
        """(height, width, …), of the size that is given, at the one that flow is computed at: a new
        array, or `picture`."""
        if self.small == self._size:
            return picture
        if self._halved is not None:
            picture = np.asarray(cv2.resize(picture, self._halved), np.uint8)
        return np.asarray(cv2.resize(picture, self.small), np.uint8)

    def follow(
        self, newest: Pixels, earlier: Pixels, span: float, still: Plane | None = None
    ) -> Followed:
        """Where `newest` was in `earlier`, both `shrunk`; `span` seconds lie between them.
        `still` (height, width), 0 … 1, says where nothing moves."""
        start = None
        if self._flow is not None and self._span > 0.0 and span > 0.0:
            start = self._flow * np.float32(min(span / self._span, _GROWTH))
        flow, found = self._followed(newest, earlier, start, still)
        if start is not None and found.wrong > _MISLED:
            other = self._followed(newest, earlier, None, still)
            if other[1].wrong < found.wrong:
                flow, found = other
        self._flow, self._span = flow, span
        return found

    def _followed(
        self, newest: Pixels, earlier: Pixels, start: Flow | None, still: Plane | None
    ) -> tuple[Flow, Followed]:
        flow_of = self._begins if start is None else self._goes_on
        # OpenCV's annotations know no start that is missing.
        flow = np.asarray(flow_of.calc(newest, earlier, start), np.float32)  # type: ignore[arg-type]
        planes = [np.asarray(plane, np.float32) for plane in cv2.split(flow)]
        if still is not None:
            moves = 1.0 - still
            planes = [plane * moves for plane in planes]
        across, down = (plane + at for plane, at in zip(planes, self._small_places, strict=True))
        small = (across, down)
        places = (self._enlarged(planes[0], 0), self._enlarged(planes[1], 1))
        apart = cv2.absdiff(newest, sampled(earlier, small))
        lost = np.asarray(cv2.threshold(apart, _WRONG, 255, cv2.THRESH_BINARY)[1], np.uint8)
        wrong = cv2.countNonZero(lost) / lost.size
        for plane, length in zip(small, self.small, strict=True):
            inside = cv2.inRange(plane, _OUTSIDE, length - 1.0 - _OUTSIDE)
            cv2.bitwise_or(lost, cv2.bitwise_not(inside), dst=lost)
        return flow, Followed(places, small, lost, wrong)

    def forget(self) -> None:
        """The next flow starts from nothing."""
        self._flow = None

    def _enlarged(self, plane: Plane, axis: int) -> Plane:
        """Places along one axis at the full size, of flow at the small one."""
        if self._size == self.small:
            return plane + self._places[axis]
        plane = plane * np.float32(self._size[axis] / self.small[axis])
        enlarged = np.asarray(cv2.resize(plane, self._size), np.float32)
        enlarged += self._places[axis]
        return enlarged


def sampled(picture: Pixels, places: Places) -> Pixels:
    """`picture`, of up to four channels, at those places: a new array."""
    moved = cv2.remap(picture, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def places_in(size: Size) -> Places:
    """Where every pixel is, in its own picture."""
    width, height = size
    across, down = np.meshgrid(
        np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    )
    return across, down
