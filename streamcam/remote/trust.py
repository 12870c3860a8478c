"""Trust: whether the engine elsewhere shows the picture, or the one on this machine."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

PATIENCE_SECONDS = 0.3  # for the answer to a frame; a local engine then has 0.2 s to be there in
_ENOUGH = 3  # answers in a row, each within the patience, that a link which was never lost needs
_MOST = 48
_LASTED_SECONDS = 60.0  # after which a loss counts as the first one


class Trust:
    """Earned by answers in time, lost by one that is not. After each loss that follows soon on the
    last it takes twice as many answers, so a picture does not jump to and fro. Called by one thread
    at a time; `earned` may be read by any."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self.earned = False
        self._clock = clock
        self._needed = _ENOUGH
        self._in_time = 0
        self._since = clock()

    def answered(self, seconds: float) -> bool:
        """A frame's picture has come back after so long. True: that earned the trust."""
        if seconds > PATIENCE_SECONDS:
            self.lost()
            return False
        self._in_time += 1
        if self.earned or self._in_time < self._needed:
            return False
        self.earned, self._since = True, self._clock()
        return True

    def lost(self) -> bool:
        """One has not. True: there was trust to lose."""
        had, self.earned, self._in_time = self.earned, False, 0
        if had:
            lasted = self._clock() - self._since >= _LASTED_SECONDS
            self._needed = 2 * _ENOUGH if lasted else min(2 * self._needed, _MOST)
        return had
