"""Frame: one picture on its way from a source to the sinks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamcam.frames.geometry import Placement, Size
from streamcam.frames.sound import Sound

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class MadeOf:
    """What an engine made a picture of.

    given  (height, width, 3) uint8, RGB: the picture that it was given, of the same size
    look   says how it was restyled: the same object, the same look
    whole  the source's picture that `given` was taken from; None where no code needs it
    """

    given: Pixels
    look: object
    whole: Pixels | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture. Any thread may read it; no thread writes to it any more.

    pixels       (height, width, 3) uint8, RGB, C-contiguous; any size, which may change from one
                 frame of a source to the next
    seq          number given by the source, 0, 1, 2 …; kept through all stages
    captured_at  `time.perf_counter()` seconds at which the source had the picture
    media_time   seconds on the source's own timeline (files), or None for live sources
    repeat       True if the pixels are those of the frame before (gate closed)
    duration     seconds for which the source's own timeline shows it; None: until the next one
    placement    on an engine's picture: which part of it shows which part of the source's, and
                 where an output shows that. None where the pixels are all picture: a source's own,
                 and what a sink gets
    made_of      on an engine's picture: what it was made of
    styled_at    `captured_at` of the frame that the engine restyled, where the picture was moved to
                 a later one since; None: it is `captured_at`
    sound        what is heard from it on, up to the next frame, where a file's sound is kept
    cut_out      (height, width, 4) uint8, RGB and alpha, not multiplied: the same picture for
                 outputs that show nothing behind a person, where a mask asks for that
    """

    pixels: Pixels
    seq: int
    captured_at: float
    media_time: float | None = None
    repeat: bool = False
    duration: float | None = None
    placement: Placement | None = None
    made_of: MadeOf | None = None
    styled_at: float | None = None
    sound: tuple[Sound, ...] = ()
    cut_out: Pixels | None = None

    @property
    def size(self) -> Size:
        """(width, height) in pixels."""
        height, width = self.pixels.shape[:2]
        return width, height
