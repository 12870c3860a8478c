"""Thinning: of a camera that is faster than the outputs, as many frames as they can show."""

from __future__ import annotations

# Of a period. Frames may be early or late by this much, and one a period is still taken.
_EARLY = 0.3
_LATE = 0.5


class Thinning:
    """Asked about every frame, in order. Used by one thread."""

    def __init__(self, fps: float) -> None:
        """`fps`: of the outputs."""
        self._period = 1.0 / fps
        self._due = float("-inf")

    def wants(self, at: float) -> bool:
        """Whether the frame captured `at` is one to show, in `time.perf_counter()` seconds."""
        if at < self._due - _EARLY * self._period:
            return False
        self._due = max(self._due, at - _LATE * self._period) + self._period
        return True
