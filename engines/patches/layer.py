"""PatchLayer: a patch goes over the last picture, with soft edges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.patches import Area, PatchRule, Size

_WHOLE = 256  # the weight of a patch that hides what was there
_TRIMMED = 6  # pixels at a patch's cut edges that are never shown


class PatchLayer:
    """Lays patches over pictures of one size, with soft edges. Used by one thread.

    At a cut edge a patch is worst, since its convolutions see nothing beyond. Within the halo it
    fades in, so that what changed is the patch alone; at the frame's own edges it ends sharply.
    """

    def __init__(self, frame: Size, rule: PatchRule) -> None:
        self._frame = frame
        self._halo = rule.halo
        self._weights: dict[Area, NDArray[np.uint16]] = {}  # as many as there are places
        self._buffers: dict[Size, tuple[NDArray[np.uint16], NDArray[np.uint16]]] = {}

    def lay(
        self, patch: NDArray[np.uint8], area: Area, last: NDArray[np.uint8], out: NDArray[np.uint8]
    ) -> None:
        """`last` with `patch` on it, into `out`, which may be `last` itself."""
        if out is not last:
            np.copyto(out, last)
        under = area.of(out)
        weight = self._weight(area)
        ours, theirs = self._buffer(area)
        np.multiply(patch, weight, out=ours)
        np.multiply(under, _WHOLE - weight, out=theirs)
        ours += theirs
        ours += _WHOLE // 2
        ours >>= 8
        np.copyto(under, ours, casting="unsafe")

    def _buffer(self, area: Area) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
        size = (area.width, area.height)
        if size not in self._buffers:
            shape = (area.height, area.width, 3)
            self._buffers[size] = np.empty(shape, np.uint16), np.empty(shape, np.uint16)
        return self._buffers[size]

    def _weight(self, area: Area) -> NDArray[np.uint16]:
        """(height, width, 1), 0 … 256."""
        weight = self._weights.get(area)
        if weight is None:
            across = self._fade(area.left, area.width, self._frame[0])
            down = self._fade(area.top, area.height, self._frame[1])
            share = np.minimum(down[:, None], across[None, :])
            weight = np.round(_WHOLE * share).astype(np.uint16)[..., None]
            self._weights[area] = weight
        return weight

    def _fade(self, start: int, length: int, side: int) -> NDArray[np.float64]:
        """Along one side: 0 at a cut edge, 1 from the halo on."""
        place = np.arange(length) + 0.5
        ends = np.full(length, np.inf)
        if start > 0:
            ends = np.minimum(ends, place)
        if start + length < side:
            ends = np.minimum(ends, length - place)
        return np.clip((ends - _TRIMMED) / (self._halo - _TRIMMED), 0.0, 1.0)
