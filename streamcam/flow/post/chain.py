"""Chain: the steps from an engine's picture to an output's, in the cheapest order."""

from __future__ import annotations

from typing import Protocol

from streamcam.flow.post.mirror import Mirror
from streamcam.flow.post.resize import Resize
from streamcam.frames import Frame, Pixels
from streamcam.frames.geometry import Box, Placement, Size, View


class PictureStep(Protocol):
    """One change to a picture. Used by the thread "post" alone."""

    def apply(self, pixels: Pixels) -> Pixels:
        """The changed picture, in a buffer of the step's own pool; the input is not written."""
        ...


class Chain:
    """Resize and mirror. Used by one thread; takes pictures of any size, as engines and sources
    change.

    Of an engine's picture it takes the part that shows the source, to where its placement says. A
    frame without one is a source's own, and is placed here. A picture that needs nothing goes
    through untouched, and the same array again gives the same array again: repeated frames cost
    nothing.
    """

    def __init__(self, view: View, *, mirror: bool = False) -> None:
        self._view = view
        self._mirror = mirror
        self._from: tuple[Size, Placement | None] | None = None  # what _steps were made for
        self._steps: list[PictureStep] = []
        self._seen: Pixels | None = None
        self._made: Pixels | None = None

    def apply(self, frame: Frame) -> Pixels:
        """The picture as the sinks take it, in the size of the outputs."""
        pixels, source = frame.pixels, (frame.size, frame.placement)
        if source != self._from:
            self._steps, self._from, self._seen = self._plan(*source), source, None
        if pixels is self._seen and self._made is not None:
            return self._made
        made = pixels
        for step in self._steps:
            made = step.apply(made)
        self._seen, self._made = pixels, made
        return made

    def _plan(self, source: Size, placement: Placement | None) -> list[PictureStep]:
        size = self._view.size
        at = placement or self._view.place(source)
        part, shown, whole = at.placed, at.shown, Box(0, 0, *size)
        mirror_first = self._mirror and part.width * part.height < size[0] * size[1]
        steps: list[PictureStep] = []
        if mirror_first:  # on the smaller picture it costs a tenth
            steps.append(Mirror(part))
            source, part = part.size, Box(0, 0, *part.size)
        if source != size or not part == shown == whole:
            steps.append(Resize(part, shown, size))
        if self._mirror and not mirror_first:
            steps.append(Mirror(whole))
        return steps
