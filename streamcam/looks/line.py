"""Line: a number on its way to another, and a share on its way to 1."""

from __future__ import annotations


class Line:
    """Goes in a straight line, by the time alone. Used by one thread.

    end      where it goes
    settled  it is there
    """

    __slots__ = ("_began", "_seconds", "_start", "end", "settled", "value")

    def __init__(self, value: float) -> None:
        self.value = self.end = self._start = value
        self._began = self._seconds = 0.0
        self.settled = True

    def go(self, end: float, began: float, seconds: float) -> None:
        """From where it was last seen to `end`, over `seconds` from `began` on."""
        self._start, self._began, self._seconds = self.value, began, seconds
        self.end, self.settled = end, end == self.value

    def at(self, now: float) -> float:
        """Its value; `end` itself once the time is over."""
        if self.settled:
            return self.end
        gone = now - self._began
        if gone >= self._seconds:
            self.settled, self.value = True, self.end
            return self.end
        start, end = self._start, self.end
        point = start + (end - start) * max(gone, 0.0) / self._seconds
        # Rounding must not leave the range.
        self.value = min(max(point, min(start, end)), max(start, end))
        return self.value
