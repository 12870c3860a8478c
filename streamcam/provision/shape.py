"""The engine's shape follows the picture's: when another one is wanted, and of which size."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from streamcam.frames.geometry import Size, fills
from streamcam.provision.size import size_of_shape

# Seconds that a shape must last until an engine is built for it. A phone that is turned and turned
# back, a window on its way to another size and a camera that finds its mode take one or two; a
# build takes about as long, on the cores that the running engine needs. The picture is right at
# any time: until then the engine only spends a part of its work on what is not visible.
_LASTS_SECONDS = 3.0
_LONGEST_SECONDS = 60.0  # after ever more builds the wait is this, until a shape lasts as long
_SAME_SHAPE = 0.05  # shapes that differ by less are one


class AutomaticSize:
    """What size "auto" stands for: as much work as the one it began with, in the shape of what is
    visible. Not thread-safe.

    size    (width, height) of an engine
    aspect  width / height of what is visible, as far as is known
    """

    def __init__(self, size: Size) -> None:
        self.size = size
        self.aspect = size[0] / size[1]
        self._area = size[0] * size[1]
        self._refused: Size | None = None

    def follow(self, aspect: float) -> None:
        """What is visible has this width / height now."""
        self.aspect = aspect
        if fills(self.size, aspect):
            self._refused = None
            return
        size = size_of_shape(self._area, aspect)
        if size != self._refused:
            self.size = size

    def refuse(self, instead: Size) -> None:
        """An engine of this size cannot be had: the one of size `instead` stays until the picture
        has its shape again or yet another one."""
        self._refused, self.size = self.size, instead


class ShapeWatch:
    """Calls `changed` while the picture keeps another shape. Used by one thread.

    The wait doubles with every build that begins, so a source that goes on changing costs little.
    """

    def __init__(
        self,
        aspect: Callable[[], float | None],
        changed: Callable[[float], bool],
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """
        aspect   width / height of what is visible now; None: nothing yet
        changed  called with a shape that lasts, again and again; True: its engine is being built
        """
        self._aspect = aspect
        self._changed = changed
        self._clock = clock
        self._lasting: float | None = None
        self._since = 0.0
        self._wait = _LASTS_SECONDS

    def look(self) -> None:
        """Call it often."""
        aspect, now = self._aspect(), self._clock()
        if aspect is None:
            return
        if self._lasting is None or abs(aspect / self._lasting - 1.0) > _SAME_SHAPE:
            self._lasting, self._since = aspect, now
            return
        lasted = now - self._since
        if lasted >= _LONGEST_SECONDS:
            self._wait = _LASTS_SECONDS
        if lasted >= self._wait and self._changed(aspect):
            self._wait = min(2 * self._wait, _LONGEST_SECONDS)
