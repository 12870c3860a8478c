"""Screens of 8, 15, 16 or 30 bits a pixel, which mss refuses: their pixels as BGRA."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamcam.capture.screen.x11 import PixelLayout, XFault, XServer, xcb
from streamcam.frames import Pixels

_CODES = {8: np.uint8, 16: np.uint16, 32: np.uint32}  # bits per pixel: a pixel in memory
_TABLE_BITS = 16  # up to here every pixel that there can be has its colour in a table
_BLUE, _GREEN, _RED = 0, 8, 16  # where in 32 bits a colour begins, so that the bytes are BGRA

Words = NDArray[np.uint32]


class ScreenShot(NamedTuple):
    """A part of the desktop, as mss gives one: BGRA bytes in `raw`, good until the next one."""

    raw: Pixels
    width: int
    height: int


class DepthReader:
    """Takes pictures of a desktop whose pixels are of another kind than mss's.

    Raises `XFault`, also when it is made for a kind that it does not know. Does not close `server`.
    """

    def __init__(self, server: XServer) -> None:
        self._server = server
        self._layout = layout = server.layout()
        self._numbered = layout.kind not in (xcb.TRUE_COLOR, xcb.DIRECT_COLOR)
        if not _is_known(layout, numbered=self._numbered):
            raise XFault(
                f"its depth is {layout.depth}, {layout.bits_per_pixel} bits a pixel, which "
                "streamcam cannot read; start the X server with a depth of 24: Xvfb -screen 0 "
                "1280x720x24, vncserver -depth 24, DefaultDepth 24 in xorg.conf"
            )
        self._table: Words | None = None
        if not self._numbered and layout.bits_per_pixel <= _TABLE_BITS:
            self._table = _colours_of(np.arange(1 << layout.bits_per_pixel), layout)
        self._bgra: Words = np.zeros((0, 0), np.uint32)  # used again for a picture of its size
        self._part: Words = np.zeros((0, 0), np.uint32)

    def take(self, box: dict[str, int]) -> ScreenShot:
        """A rectangle of the desktop."""
        layout, width, height = self._layout, box["width"], box["height"]
        if self._bgra.shape != (height, width):
            self._bgra, self._part = (np.zeros((height, width), np.uint32) for _ in range(2))
        pad = layout.scanline_pad
        row = -(-width * layout.bits_per_pixel // pad) * pad // 8  # bytes, rounded up
        with self._server.picture(box) as memory:
            rows = memory.reshape(height, row)[:, : width * layout.bits_per_pixel // 8]
            codes = rows.view(_CODES[layout.bits_per_pixel])
            if self._numbered:
                self._table = _listed(self._server.colours(layout.entries))  # programs change it
            if self._table is None:
                self._upper_bits(codes)
            else:
                np.take(self._table, codes, out=self._bgra, mode="clip")
        return ScreenShot(self._bgra.view(np.uint8), width, height)

    def _upper_bits(self, codes: Words) -> None:
        """Of pixels whose colours have eight bits or more each, the upper eight."""
        layout = self._layout
        self._bgra.fill(0)
        for mask, place in ((layout.blue, _BLUE), (layout.green, _GREEN), (layout.red, _RED)):
            down = mask.bit_length() - 8 - place
            if down >= 0:
                np.right_shift(codes, np.uint32(down), out=self._part)
            else:
                np.left_shift(codes, np.uint32(-down), out=self._part)
            self._part &= np.uint32(255 << place)
            self._bgra |= self._part


def _is_known(layout: PixelLayout, *, numbered: bool) -> bool:
    if layout.bits_per_pixel not in _CODES:
        return False
    if numbered:
        return layout.entries <= 1 << layout.bits_per_pixel
    fewest = 1 if layout.bits_per_pixel <= _TABLE_BITS else 8
    return min(mask.bit_count() for mask in (layout.red, layout.green, layout.blue)) >= fewest


def _listed(colours: NDArray[np.uint8]) -> Words:
    """A table of RGB colours as BGRA."""
    bgra = np.zeros((len(colours), 4), np.uint8)
    bgra[:, :3] = colours[:, ::-1]
    return bgra.view(np.uint32)[:, 0]


def _colours_of(codes: NDArray[np.int64], layout: PixelLayout) -> Words:
    """Pixels whose bits are a colour as BGRA: all ones is 255."""
    found = np.zeros(codes.shape, np.int64)
    for mask, place in ((layout.blue, _BLUE), (layout.green, _GREEN), (layout.red, _RED)):
        lowest = mask & -mask
        most = mask // lowest
        found |= (((codes & mask) // lowest * 255 + most // 2) // most) << place
    return found.astype(np.uint32)
