"""Patches: parts of a frame that are restyled alone and laid over the last picture.

In front of a still room most of a frame is as it was. Of what changed, with a halo around it, a
runner restyles the smallest patch of a few compiled sizes. What its networks would have seen of the
rest, the statistics of their normalisations, are those of the last whole frame.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Size = tuple[int, int]  # (width, height), pixels


class Area(NamedTuple):
    """A rectangle in a frame, in pixels."""

    left: int
    top: int
    width: int
    height: int

    def of(self, pixels_HWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The view of a picture inside it."""
        return pixels_HWC[self.top : self.top + self.height, self.left : self.left + self.width]


class PatchRule(NamedTuple):
    """How a part of a frame may be restyled alone, pixels.

    grid  of the upper left corners: there the networks' deepest level and what they draw from
          place to place (the paper) are as in the whole frame
    halo  what is computed around what changed, and not shown as it is
    """

    grid: int
    halo: int
