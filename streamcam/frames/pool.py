"""FramePool: picture buffers, used again once no code refers to them: frames allocate nothing."""

from __future__ import annotations

import sys

import numpy as np

from streamcam.frames.frame import Pixels


class FramePool:
    """Hands out (height, width, channels) uint8 buffers of one size. `take` belongs to one thread.

    A buffer is free again when the pool holds the only reference: numpy views, Frames and
    queues all count, so a picture that a sink still shows is never overwritten. The pool
    grows to as many buffers as are in flight at once, which the bounded queues keep small.
    """

    def __init__(self, width: int, height: int, channels: int = 3) -> None:
        self._shape = (height, width, channels)
        self._buffers: list[Pixels] = []

    def take(self) -> Pixels:
        """A buffer that no other code refers to: black if it is new, else as it was left."""
        for index in range(len(self._buffers)):
            if _references(self._buffers, index) == _FREE:
                return self._buffers[index]
        buffer = np.zeros(self._shape, np.uint8)
        self._buffers.append(buffer)
        return buffer

    def __len__(self) -> int:
        """Buffers allocated so far."""
        return len(self._buffers)


def _references(buffers: list[Pixels], index: int) -> int:
    """References to a buffer, seen through the list alone: no variable may name it here,
    because interpreters differ in whether a variable counts."""
    return sys.getrefcount(buffers[index])


_FREE = _references([np.zeros((1, 1, 3), np.uint8)], 0)
