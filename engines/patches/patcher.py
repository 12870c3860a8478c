"""Patcher: what of each frame an engine computes, and its picture put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engines.patches import Area, PatchRule, Size
from engines.patches.layer import PatchLayer
from engines.patches.places import patch_sizes, place_patch

# Patches in a row before a whole frame: what changed too little to be computed, and the statistics
# of the whole, are a second old at most at 30 frames a second.
_REFRESH = 30
_NOISE = "noise_SChw"

Conditioning = Mapping[str, NDArray[np.float32]]


class Patcher:
    """Of one engine with one step; used by its thread, but for `missing`."""

    def __init__(self, frame: Size, downscale: int, rule: PatchRule) -> None:
        """`downscale`: frame pixels per latent pixel."""
        self._sizes = patch_sizes(frame, rule)
        self._wanted: frozenset[Size] = frozenset()  # each the smallest that a frame had use for
        self._gave_up = False
        self._frame = frame
        self._downscale = downscale
        self._rule = rule
        self._layer = PatchLayer(frame, rule)
        self._patches = {
            (width, height): np.empty((height, width, 3), np.uint8) for width, height in self._sizes
        }
        self._last: NDArray[np.uint8] | None = None  # the picture shown last
        self._in_a_row = 0
        # A part of a noise stays the same object while both are the same.
        self._noise_of: tuple[NDArray[np.float32], Area] | None = None
        self._noise: NDArray[np.float32] | None = None

    def area(self, changed: Area, ready: Sequence[Size]) -> Area | None:
        """What is to be computed of a frame that is as the one before but for `changed`; None: all.

        ready  the sizes that the runner has
        """
        if self._last is None or self._in_a_row >= _REFRESH:
            return None
        best = place_patch(changed, self._frame, self._sizes, self._rule)
        if best is None:
            return None
        size = (best.width, best.height)
        if size in ready:
            return best
        self._wanted |= {size}
        return place_patch(changed, self._frame, ready, self._rule)

    def missing(self, ready: Sequence[Size]) -> list[Size]:
        """The sizes that the runner should have besides, large first. From any thread."""
        wanted = frozenset() if self._gave_up else self._wanted.difference(ready)
        return [size for size in self._sizes if size in wanted]

    def give_up(self) -> None:
        """A runner cannot have them: nothing is missing any more. From any thread."""
        self._gave_up = True

    def patch(self, area: Area) -> NDArray[np.uint8]:
        """Where the runner is to write that part of the picture."""
        return self._patches[area.width, area.height]

    def conditioning(self, whole: Conditioning, area: Area) -> Conditioning:
        """That of a frame, for a part of it: with that part of the noise."""
        noise = whole[_NOISE]
        of = self._noise_of
        if of is None or of[0] is not noise or of[1] != area:
            scale = self._downscale
            rows = slice(area.top // scale, (area.top + area.height) // scale)
            columns = slice(area.left // scale, (area.left + area.width) // scale)
            self._noise = np.ascontiguousarray(noise[..., rows, columns])
            self._noise_of = noise, area
        assert self._noise is not None
        return {**whole, _NOISE: self._noise}

    def show(self, out: NDArray[np.uint8], area: Area | None) -> None:
        """`out` is the next picture: whole already, or the last one with the patch of `area`."""
        if area is None:
            self._in_a_row = 0
        else:
            assert self._last is not None
            self._layer.lay(self.patch(area), area, self._last, out)
            self._in_a_row += 1
        self._last = out
