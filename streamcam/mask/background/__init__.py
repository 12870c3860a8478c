"""What is shown behind the person: one file each. "styled" needs none: it is the picture itself."""

from __future__ import annotations

from typing import Protocol

from streamcam.frames import Pixels
from streamcam.mask import Plane


class Background(Protocol):
    """Used by one thread, but for `close`.

    moves  it changes by itself, also where the camera's picture stands still
    """

    moves: bool

    def behind(self, styled: Pixels, camera: Pixels, mask: Plane) -> Pixels:
        """(height, width, 3) RGB for the place of the background, C-contiguous. It is not written
        to by the caller, and may be one of the arguments.

        styled, camera  (height, width, 3): the picture without a mask, and the camera's
        mask            of the person, smaller
        """
        ...

    def close(self) -> None:
        """Free what it holds. From any thread; may be called twice."""
        ...
