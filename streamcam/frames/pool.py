"""FramePool: picture buffers, used again once nobody holds them, so frames cost no allocation."""

from __future__ import annotations

import sys

import numpy as np

from streamcam.frames.frame import Pixels

# References to a free buffer while `take` looks at it: the list, the loop variable, the call.
_FREE = 3


class FramePool:
    """Hands out (height, width, 3) uint8 buffers of one size. Used by one thread.

    A buffer is free again when the pool holds the only reference: numpy views, Frames and
    queues all count, so a picture that someone still shows is never overwritten. The pool
    grows to as many buffers as are in flight at once, which the bounded queues keep small.
    """

    def __init__(self, width: int, height: int) -> None:
        self._shape = (height, width, 3)
        self._buffers: list[Pixels] = []

    def take(self) -> Pixels:
        """A buffer with undefined contents that nobody else refers to."""
        for buffer in self._buffers:
            if sys.getrefcount(buffer) <= _FREE:
                return buffer
        buffer = np.empty(self._shape, np.uint8)
        self._buffers.append(buffer)
        return buffer

    def __len__(self) -> int:
        """Buffers allocated so far."""
        return len(self._buffers)
