"""EngineInput: a frame of any size becomes the engine's input, without a copy if it already is."""

from __future__ import annotations

import cv2

from engines.api import Area
from streamcam.frames import FramePool, Pixels
from streamcam.frames.geometry import Box, Placement, Size, View
from streamcam.frames.scaling import Scaler

_BLEED = 2  # source pixels that scaling mixes with one on either side, at most


class EngineInput:
    """Places what is visible of a frame whole into the engine's input. Used by one thread.

    What is left free around a picture of another shape repeats the picture's edge. Black bars would
    disturb the model: with the embedded one a 144x256 picture inside 448x256 then differs from the
    same picture restyled alone by 22 to 34 dB (neon 21.8, watercolor 25.6), with grey bars by 29 to
    34, with repeated edges by 31 to 37. Mirrored edges are 0.3 dB better still, but show a model
    people twice.
    """

    def __init__(self, engine: Size, view: View) -> None:
        """`engine`: (width, height) of its input."""
        self._engine = engine
        self._view = view
        self._pool = FramePool(*engine)
        self._from: Size | None = None  # what the next two were made for
        self._placement: Placement | None = None
        self._scaler: Scaler | None = None

    def __call__(self, pixels: Pixels) -> tuple[Pixels, Placement]:
        """`pixels` at the engine's size, and where in it they are.

        The result is the frame itself or a buffer of a pool. It keeps its content for as long as
        any code refers to it.
        """
        size = (pixels.shape[1], pixels.shape[0])
        placement = self._placement
        if placement is None or size != self._from:
            placement = self._plan_for(size)
        if self._scaler is None:
            return pixels, placement
        fitted = self._pool.take()
        self._scaler.scale(pixels, fitted)
        if placement.placed.size != self._engine:
            _repeat_edges(fitted, placement.placed)
        return fitted, placement

    def area(self, changed: Box) -> Area:
        """Where the engine's input differs if the frame that was fitted last does in `changed`."""
        placement = self._placement
        assert placement is not None
        seen, placed = placement.visible, placement.placed
        across = (changed.left - seen.left, changed.width, seen.width)
        down = (changed.top - seen.top, changed.height, seen.height)
        left, right = _placed(*across, (placed.left, placed.width, self._engine[0]))
        top, bottom = _placed(*down, (placed.top, placed.height, self._engine[1]))
        return Area(left, top, right - left, bottom - top)

    def _plan_for(self, source: Size) -> Placement:
        placement = self._placement = self._view.place(source, self._engine)
        # A frame of the engine's size may have its visible part where the engine takes it from.
        as_it_is = source == self._engine and placement.visible == placement.placed
        self._scaler = None if as_it_is else Scaler(placement.visible, placement.placed)
        self._from = source
        return placement


def _repeat_edges(pixels: Pixels, picture: Box) -> None:
    """Fill `pixels` around `picture` with what its edges show. The picture itself stays where it
    is: OpenCV sees that it lies there already, and copies nothing (0.07 ms at 448x256)."""
    height, width = pixels.shape[:2]
    right, bottom = picture.left + picture.width, picture.top + picture.height
    around = (picture.top, height - bottom, picture.left, width - right)
    cv2.copyMakeBorder(picture.of(pixels), *around, cv2.BORDER_REPLICATE, dst=pixels)


def _placed(first: int, count: int, seen: int, place: tuple[int, int, int]) -> tuple[int, int]:
    """Where `count` of `seen` pixels, from `first` on, begin and end along a side of the input.

    place  where that side of the picture begins in the input, its length there and the input's.
           What reaches the picture's edge is repeated beyond it. At least one pixel is meant
    """
    start, length, whole = place
    bleed = -(-_BLEED * length // seen)
    begin = min(max(first * length // seen - bleed, 0), length - 1)
    end = max(min(-(-(first + count) * length // seen) + bleed, length), begin + 1)
    return (start + begin if begin else 0), (start + end if end < length else whole)
