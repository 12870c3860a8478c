"""Background "colour": one colour, as for a key in another program."""

from __future__ import annotations

import numpy as np

from streamcam.frames import Pixels
from streamcam.mask import Plane


class ColourBackground:
    """A plane of one colour."""

    moves = False

    def __init__(self, colour: str) -> None:
        """#rrggbb."""
        self._rgb = tuple(bytes.fromhex(colour.removeprefix("#")))
        self._plane = np.zeros((0, 0, 3), np.uint8)

    def behind(self, styled: Pixels, camera: Pixels, mask: Plane) -> Pixels:
        if self._plane.shape != styled.shape:
            self._plane = np.empty_like(styled)
            self._plane[:] = self._rgb
        return self._plane

    def close(self) -> None: ...
