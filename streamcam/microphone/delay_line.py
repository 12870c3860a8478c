"""DelayLine: sound that comes out later than it went in, by a time that may change."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float32]  # (frames, channels), -1 … 1

_FADE_SECONDS = 0.02  # from one place in the sound to another: too long for a click
_TOLERANCE_SECONDS = 0.005  # that writer and reader may be off each other before it matters


class DelayLine:
    """A ring of sound, written and read in blocks of any size. Not for two threads at once.

    What comes out is in one piece: only where it is off the wanted delay by more than 5 ms (the
    delay was changed, blocks were lost) it fades over to the right place.
    """

    def __init__(self, rate: int, channels: int, longest: float) -> None:
        """`longest`: the delay in seconds that can be asked for."""
        self._rate = rate
        self._ring: Sound = np.zeros((round(rate * (longest + 1)), channels), np.float32)
        steps = (np.arange(round(rate * _FADE_SECONDS), dtype=np.float32) + 1) / (
            rate * _FADE_SECONDS
        )
        self._rise: Sound = steps[:, np.newaxis].astype(np.float32)
        self._before: Sound = np.empty_like(self._ring[: len(self._rise)])  # what is faded out
        self._tolerance = round(rate * _TOLERANCE_SECONDS)
        self._longest = round(rate * longest)
        self._delay = 0
        # Counted in frames since the beginning:
        self._written = 0
        self._begin = 0  # of what may be read
        self._at: int | None = None  # what is read next
        self._leaving = 0  # what is read beside it, while that fades out
        self._faded = len(self._rise)  # of the fade, so far

    def delay(self, seconds: float) -> None:
        """Be this late from the next block on."""
        self._delay = min(max(round(seconds * self._rate), 0), self._longest)

    def clear(self) -> None:
        """Forget all sound: what comes next begins with silence."""
        self._begin, self._at, self._faded = self._written, None, len(self._rise)

    def write(self, block: Sound) -> None:
        """Put a block in. It may be as long as the ring at most."""
        size, count = len(self._ring), len(block)
        place = self._written % size
        first = min(count, size - place)
        self._ring[place : place + first] = block[:first]
        self._ring[: count - first] = block[first:]
        self._written += count

    def read(self, out: Sound, coming: int = 0) -> None:
        """Fill `out`, whose last frame is `delay` older than the last one that went in.

        coming  frames that will go in at the same time, but have not yet; a delay that is shorter
                than those is as long
        """
        right = self._written + coming - len(out) - max(self._delay, coming)
        if self._at is None:
            self._at = right
        elif abs(self._at - right) > self._tolerance and self._faded == len(self._rise):
            self._leaving, self._at, self._faded = self._at, right, 0
        self._copy(self._at, out)
        self._fade(out)
        self._at += len(out)

    def _fade(self, out: Sound) -> None:
        count = min(len(out), len(self._rise) - self._faded)
        if count <= 0:
            return
        before, rise = self._before[:count], self._rise[self._faded : self._faded + count]
        self._copy(self._leaving, before)
        out[:count] -= before
        out[:count] *= rise
        out[:count] += before
        self._leaving += count
        self._faded += count

    def _copy(self, begin: int, out: Sound) -> None:
        """The frames from `begin` on; silence where there are none."""
        size, end = len(self._ring), begin + len(out)
        first = max(begin, self._begin, self._written - size)
        last = min(end, self._written)
        if first >= last:
            out[:] = 0
            return
        out[: first - begin] = 0
        out[last - begin :] = 0
        place, count = first % size, last - first
        whole = min(count, size - place)
        out[first - begin : first - begin + whole] = self._ring[place : place + whole]
        out[first - begin + whole : last - begin] = self._ring[: count - whole]
