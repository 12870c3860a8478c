"""Blank pictures: what a broken engine makes of a frame, one flat colour (NaN becomes black)."""

from __future__ import annotations

from engines.errors import EngineFailed
from streamcam.frames import Pixels

_STEP = 8  # one pixel of so many is looked at, each way
_FLAT = 4  # levels that a flat picture may span: a decoder's rounding
_LEVELS_OF_A_PICTURE = 24  # levels that an input spans at least for its picture not to be flat
_BLANK_IN_A_ROW = 3  # blank pictures in a row: one may be a look's own doing


class BlankCheck:
    """Looks at what an engine made. Used by one thread; 12 µs a picture."""

    def __init__(self) -> None:
        self._blank = 0  # in a row

    def refuses(self, picture: Pixels, made_of: Pixels) -> bool:
        """True for a flat picture of a frame that is not: it should not be shown.

        Raises `EngineFailed` at the third in a row.
        """
        if _span(picture) > _FLAT or _span(made_of) < _LEVELS_OF_A_PICTURE:
            self._blank = 0
            return False
        self._blank += 1
        if self._blank >= _BLANK_IN_A_ROW:
            raise EngineFailed(
                f"the engine makes blank pictures (all {tuple(map(int, picture[0, 0]))}).",
                cause="blank",
            )
        return True


def _span(pixels: Pixels) -> int:
    """Range of the green channel, which is most of what the eye calls light, in levels."""
    sampled = pixels[::_STEP, ::_STEP, 1]
    return int(sampled.max()) - int(sampled.min())
