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

Flow = NDArray[np.float32]  # (height, width, 2): x and y, in pixels of the size it is for
Plane = NDArray[np.float32]  # (height, width)
Maps = tuple[NDArray[np.int16], NDArray[np.uint16]]  # fixed-point, as `cv2.remap` takes them

# Flow is computed on luma of at most this width and height, in pixels. See the table in
# tests/benchmarks/README.md.
_LONGEST = 160
# OpenCV 5.0's flow reads beyond its own arrays for some sizes below this.
_SHORTEST = 40
_WRONG = 14  # levels of luma by which a pixel that was followed may differ
_GROWTH = 3.0  # most that the last flow is stretched by as a start
# Share of pixels that were not found from which flow is tried without a start: after a fast
# reversal OpenCV 5.0 stays with the start, 79 pixels from where things are (findings/).
_MISLED = 0.15


class Followed(NamedTuple):
    """Where a frame was in an earlier one.

    maps   for `cv2.remap`, at the full size
    small  likewise, at the size that flow is computed at
    lost   (height, width) at that size: 255 where a pixel was not found where it was followed to,
           else 0
    wrong  share of such pixels, 0 … 1
    """

    maps: Maps
    small: Maps
    lost: Pixels
    wrong: float


class Reprojection:
    """Compares luma of one size. Used by one thread."""

    def __init__(self, size: Size) -> None:
        """`size`: (width, height) of the luma that it is given."""
        self._size = size
        scale = min(1.0, _LONGEST / max(size))
        width, height = (max(1, round(length * scale)) for length in size)
        self._small = (width, height)
        # False: pictures of this shape cannot be followed, and `follow` must not be called.
        self.possible = min(width, height) >= _SHORTEST
        # Two, since OpenCV 5.0 keeps a start that it was given for later calls without one.
        self._goes_on, self._begins = (
            cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST) for _ in range(2)
        )
        self._flow: Flow | None = None
        self._span = 0.0
        self._places = places_in(size)
        self._small_places = places_in(self._small)

    def shrunk(self, luma: Pixels) -> Pixels:
        """(height, width) luma at the size that flow is computed at: a new array, or `luma`."""
        if self._small == self._size:
            return luma
        halves = cv2.INTER_AREA if luma.shape[1] == 2 * self._small[0] else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(luma, self._small, interpolation=halves), np.uint8)

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
        small = [plane + at for plane, at in zip(planes, self._small_places, strict=True)]
        small_maps = _fixed_point(*small)
        maps = _fixed_point(*(self._enlarged(planes[axis], axis) for axis in (0, 1)))
        apart = cv2.absdiff(newest, sampled(earlier, small_maps))
        lost = np.asarray(cv2.threshold(apart, _WRONG, 255, cv2.THRESH_BINARY)[1], np.uint8)
        return flow, Followed(maps, small_maps, lost, cv2.countNonZero(lost) / lost.size)

    def forget(self) -> None:
        """The next flow starts from nothing."""
        self._flow = None

    def _enlarged(self, plane: Plane, axis: int) -> Plane:
        """Places along one axis at the full size, of flow at the small one."""
        if self._size != self._small:
            plane = np.asarray(cv2.resize(plane, self._size), np.float32)
            plane *= np.float32(self._size[axis] / self._small[axis])
        return plane + self._places[axis]


def sampled(picture: Pixels, maps: Maps) -> Pixels:
    """`picture`, of up to four channels, where the maps say: a new array."""
    moved = cv2.remap(picture, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def _fixed_point(across: Plane, down: Plane) -> Maps:
    places, parts = cv2.convertMaps(across, down, cv2.CV_16SC2)
    return np.asarray(places, np.int16), np.asarray(parts, np.uint16)


def places_in(size: Size) -> tuple[Plane, Plane]:
    """x and y of every pixel, (height, width) each."""
    width, height = size
    across, down = np.meshgrid(
        np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    )
    return across, down
