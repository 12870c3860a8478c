"""Chain: the steps from an engine's picture to an output's, in the cheapest order."""

from __future__ import annotations

from streamcam.frames import Pixels
from streamcam.frames.scaling import Fit
from streamcam.post import Step
from streamcam.post.mirror import Mirror
from streamcam.post.resize import Resize


class Chain:
    """Resize and mirror. Used by one thread; takes pictures of any size, as engines change.

    A picture that needs nothing goes through untouched, and the same array again gives the
    same array again: repeated frames cost nothing.
    """

    def __init__(self, size: tuple[int, int], *, fit: Fit = "crop", mirror: bool = False) -> None:
        """`size`: (width, height) of every output."""
        self._size = size
        self._fit: Fit = fit
        self._mirror = mirror
        self._from: tuple[int, int] | None = None  # the size that _steps were made for
        self._steps: list[Step] = []
        self._seen: Pixels | None = None
        self._made: Pixels | None = None

    def apply(self, pixels: Pixels) -> Pixels:
        """The picture as the sinks take it, `size` large."""
        if pixels is self._seen and self._made is not None:
            return self._made
        size = (pixels.shape[1], pixels.shape[0])
        if size != self._from:
            self._steps, self._from = self._plan(size), size
        made = pixels
        for step in self._steps:
            made = step.apply(made)
        self._seen, self._made = pixels, made
        return made

    def _plan(self, source: tuple[int, int]) -> list[Step]:
        resize = [] if source == self._size else [Resize(source, self._size, self._fit)]
        if not self._mirror:
            return [*resize]
        if source[0] * source[1] < self._size[0] * self._size[1]:
            return [Mirror(source), *resize]  # on the smaller picture it costs a tenth
        return [*resize, Mirror(self._size)]
