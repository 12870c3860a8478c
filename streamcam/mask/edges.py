"""Edges: a small mask becomes one of an output's size, along the edges that the camera shows.

At a quarter of the size the mask is fitted by the camera's luma in small windows, share ≈ a · luma
+ b (He, Sun and Tang 2010, "Guided Image Filtering"); a and b are enlarged, and applied to the
camera's full luma (He and Sun 2015, "Fast Guided Filter"), but only in cells where the mask is
soft: a twentieth of the picture. Every other cell is wholly the person's or the background's.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from streamcam.frames import Pixels
from streamcam.frames.geometry import Size
from streamcam.mask import MaskSource, Plane

CELL = 4  # pixels of a cell's side: one pixel of the small mask
_WINDOW, _SMOOTH = (7, 7), (3, 3)  # of the fit, and of what it finds
_NOISE = np.float32(
    1e-3
)  # ε of the fit, of luma in 0 … 1: what varies less than this is not followed
# Of the network's shares: up to the first is background, from the second on the person. So the edge
# lies further out than where it is half and half, and hair stays.
_OUTER, _INNER = 0.08, 0.72
_END = 0.08  # of the refined share, from either end: so much counts as that end
_AROUND = np.ones((3, 3), np.uint8)  # of a pixel of the small mask

Cells = tuple[NDArray[np.intp], NDArray[np.intp]]  # (count,) rows and columns


class Cut(NamedTuple):
    """A mask of an output's size.

    inside  (height, width) uint8: 255 where the pixel is wholly the person, else 0
    soft    cells of which no such thing can be said
    at      (count, pixels, 3) uint8: the camera's colours there
    shares  (count, pixels): how much of each pixel is the person
    small   the mask at a quarter of the size
    """

    inside: Pixels
    soft: Cells
    at: Pixels
    shares: Plane
    small: Plane

    def mixed(self, front: Pixels, behind: Pixels) -> Pixels:
        """`front` over `behind`, both (count, pixels, 3) uint8 of the soft cells."""
        rest = np.subtract(np.float32(1.0), self.shares)
        return np.asarray(cv2.blendLinear(front, behind, self.shares, rest), np.uint8)


class Edges:
    """For outputs of one size. Used by one thread.

    small  (width, height) of the small mask: a pixel for each whole cell
    """

    def __init__(self, size: Size) -> None:
        """(width, height)."""
        self.small = (size[0] // CELL, size[1] // CELL)
        columns = -(-size[0] // CELL)
        self._rows = np.zeros((-(-size[1] // CELL), CELL, columns), np.uint32)
        bytes_of = self._rows.view(np.uint8).reshape(-1, CELL * columns)
        self._inside = bytes_of[: size[1], : size[0]]

    def cut(self, mask: Plane, camera: Pixels, luma: Plane, source: MaskSource) -> Cut:
        """
        mask    at the size `small`; is written to
        camera  (height, width, 3) RGB of the outputs' size
        luma    of it, 0 … 1, at the size `small`
        The cut is valid until the next one.
        """
        if source.exact:
            soft = self._soft(mask)
            at = taken(camera, soft)
            return Cut(self._inside, soft, at, source.shares(at), mask)
        slope, rest = _fitted(_outward(mask), luma)
        small = slope * luma
        small += rest
        small = _stretched(small)
        soft = self._soft(small)
        at = taken(camera, soft)
        shares, offset = _enlarged((slope, rest), soft)
        if len(at):
            shares *= cv2.cvtColor(at, cv2.COLOR_RGB2GRAY)
        shares *= np.float32(1 / 255)
        shares += offset
        return Cut(self._inside, soft, at, _stretched(shares), small)

    def _soft(self, small: Plane) -> Cells:
        """The soft cells; writes what is inside. Between a cell that is wholly the one and a cell
        that is wholly the other is a soft one."""
        inside = (small >= 0.5).view(np.uint8)
        edge = cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, _AROUND)
        soft = (edge > 0) | ((small > 0.0) & (small < 1.0))
        wholly = np.where(soft, np.uint32(0), inside * np.uint32(0xFFFF_FFFF))
        height, width = small.shape
        self._rows[:height, :, :width] = wholly[:, None, :]
        self._rows[height:, :, :width] = wholly[-1:, None, :]  # of cells that are not whole
        self._rows[:, :, width:] = self._rows[:, :, width - 1 : width]
        return np.divmod(np.flatnonzero(soft), width)  # np.nonzero takes six times as long


def taken(picture: Pixels, cells: Cells) -> Pixels:
    """(count, pixels, 3) of the cells of (height, width, 3)."""
    lines = _lines(picture)
    found = lines.reshape(-1).take(_places(cells, lines.shape[1]))
    return found.view(np.uint8).reshape(-1, CELL * CELL, picture.shape[2])


def put(pixels: Pixels, into: Pixels, cells: Cells) -> None:
    """Write (count, pixels, channels) to the cells of (height, width, channels)."""
    lines = _lines(into)
    found = np.ascontiguousarray(pixels.reshape(-1, CELL, CELL * into.shape[2])).view(lines.dtype)
    rows, columns = cells
    lines[rows[:, None] * CELL + np.arange(CELL), columns[:, None]] = found[:, :, 0]


def _lines(picture: Pixels) -> NDArray[np.void]:
    """A view of (height, width, channels), C-contiguous: (height, columns), each a cell's line of
    pixels, which numpy moves at once."""
    height, width, channels = picture.shape
    bytes_of = picture.reshape(height, -1)[:, : width // CELL * CELL * channels]
    return bytes_of.view(np.dtype((np.void, CELL * channels)))


def _places(cells: Cells, columns: int) -> NDArray[np.intp]:
    """(count, CELL): where the lines of cells are, in rows of so many."""
    first = cells[0] * (CELL * columns) + cells[1]
    return first[:, None] + np.arange(CELL) * columns


def _between() -> Plane:
    """(9, CELL · CELL): weights of a pixel and its eight neighbours, for the pixels of its cell, as
    bilinear enlarging has them."""
    weights = np.zeros((3, CELL), np.float32)
    for number in range(CELL):
        away = (number + 0.5) / CELL - 0.5
        weights[:, number] = max(-away, 0.0), 1.0 - abs(away), max(away, 0.0)
    both = weights[:, None, :, None] * weights[None, :, None, :]
    return both.reshape(9, CELL * CELL)


_BETWEEN, _NOTHING = _between(), np.zeros(0, np.float32)


def _enlarged(planes: tuple[Plane, ...], cells: Cells) -> list[Plane]:
    """(count, CELL · CELL) of small planes, all of one size, at some cells."""
    rows, columns = cells
    if not len(rows):
        return [np.zeros((0, CELL * CELL), np.float32) for _ in planes]
    width = planes[0].shape[1] + 2
    window = np.arange(3)[:, None] * width + np.arange(3)
    places = (rows * width + columns)[:, None] + window.reshape(-1)
    found = []
    for plane in planes:
        padded = cv2.copyMakeBorder(plane, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
        around = np.asarray(padded, np.float32).reshape(-1).take(places)
        # numpy's own product would wake a thread of its library on every core.
        made = cv2.gemm(around, _BETWEEN, 1.0, _NOTHING, 0.0)
        found.append(np.asarray(made, np.float32))
    return found


def _outward(mask: Plane) -> Plane:
    mask -= np.float32(_OUTER)
    mask *= np.float32(1.0 / (_INNER - _OUTER))
    return np.clip(mask, 0.0, 1.0, out=mask)


def _fitted(mask: Plane, luma: Plane) -> tuple[Plane, Plane]:
    """Slope and rest of the mask by luma, smooth."""
    # Four channels together take half of that, and OpenCV 5's `split` then four times as long.
    of_mask, of_luma, of_both, of_square = (
        np.asarray(cv2.boxFilter(plane, cv2.CV_32F, _WINDOW), np.float32)
        for plane in (mask, luma, mask * luma, luma * luma)
    )
    slope = of_both - of_mask * of_luma
    slope /= of_square - of_luma * of_luma + _NOISE
    rest = of_mask - slope * of_luma
    return _smooth(slope), _smooth(rest)


def _stretched(shares: Plane) -> Plane:
    shares -= np.float32(_END)
    shares *= np.float32(1.0 / (1.0 - 2.0 * _END))
    return np.clip(shares, 0.0, 1.0, out=shares)


def _smooth(plane: MatLike) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, _SMOOTH, 0), np.float32)
