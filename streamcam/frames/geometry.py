"""Geometry: which part of a source's picture is shown, where an engine sees it, and where an output
shows it. Sizes are (width, height) in pixels; nothing here touches a pixel.

From the source to the output `fit` is applied once, here. An engine of another shape only lends a
part of its picture: the visible part is placed whole into it, and taken out again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_T = TypeVar("_T", bound=np.generic)
Size = tuple[int, int]
Fit = Literal["crop", "letterbox"]

# Shapes that differ by less stand for one: 1366x768, 848x480 and 1920x1088 for 16:9. Neither a line
# of bars nor a cut is made of them. A film of 1.85:1 differs by 4 %, and is not to be squeezed.
_SAME = 0.01
# Engine sizes are multiples of 16, so 16:9 video meets 1.71 to 1.82. The way in stretches by up to
# this much and the way out undoes it.
_STRETCH = 0.05


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in a picture, in pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def size(self) -> Size:
        """(width, height)."""
        return self.width, self.height

    def of(self, pixels: NDArray[_T]) -> NDArray[_T]:
        """The view of `pixels`, (height, width …), inside this rectangle."""
        return pixels[self.top : self.top + self.height, self.left : self.left + self.width]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one picture is, on its way from a source to the outputs: three views of the same part.

    visible  in the source's picture: what is shown of it
    placed   in the picture that goes along with this
    shown    in an output's picture; what is beside it is bars
    """

    visible: Box
    placed: Box
    shown: Box


@dataclass(frozen=True, slots=True)
class View:
    """What the outputs show of a source's picture, whatever its size.

    size  (width, height) of every output
    fit   "crop" fills it and cuts the longer side of the source evenly; "letterbox" shows the whole
          source, in its own shape, between bars
    """

    size: Size
    fit: Fit = "crop"

    def aspect(self, source: Size) -> float:
        """Width / height of what is visible of a source: the shape that suits an engine."""
        width, height = self.size if self.fit == "crop" else source
        return width / height

    def place(self, source: Size, engine: Size | None = None) -> Placement:
        """The way of a source's picture through an engine's; None: there is none, `placed` lies in
        the source's picture itself."""
        aspect = self.aspect(source)
        cut = self.fit == "crop"
        visible = _middle(source, aspect, _SAME) if cut else _whole(source)
        shown = _whole(self.size) if cut else _middle(self.size, aspect, _SAME)
        return Placement(visible, visible if engine is None else inside(engine, aspect), shown)


def inside(engine: Size, aspect: float) -> Box:
    """The part of an engine's picture for one of width / height `aspect`: all of it if the shapes
    nearly agree, else as much as that shape has room in, in the middle."""
    return _middle(engine, aspect, _STRETCH)


def fills(engine: Size, aspect: float) -> bool:
    """Whether a picture of width / height `aspect` takes all of an engine's."""
    return inside(engine, aspect) == _whole(engine)


def _whole(size: Size) -> Box:
    return Box(0, 0, *size)


def _middle(size: Size, aspect: float, tolerance: float) -> Box:
    """The largest part of that shape, at least one pixel, in the middle of `size`; `size` itself
    if its shape differs by no more than `tolerance`."""
    width, height = size
    ratio = aspect * height / width
    if abs(ratio - 1.0) <= tolerance:
        return _whole(size)
    part_width = max(1, round(width * min(1.0, ratio)))
    part_height = max(1, round(height / max(1.0, ratio)))
    return Box((width - part_width) // 2, (height - part_height) // 2, part_width, part_height)
