"""Tour: a look, or a schedule of looks, by the reader's time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from streamcam.looks.aim import Aim

_ROUNDING = 1e-6  # seconds that sums of decimals may fall short of


@dataclass(frozen=True, slots=True, eq=False)
class Stop:
    """A look that is on for so many seconds before the next."""

    aim: Aim
    seconds: float


class Tour:
    """Goes round and round, beginning when it is first asked. A single stop stays.

    Used by the reader alone, but for `stop`, which any thread may read.

    How far it is depends on the time alone, not on how often it is asked: a frame of a file gets
    the same look at any speed, and after a pause it is where it would have been without one.

    stop  the one that is on
    """

    def __init__(self, stops: Sequence[Stop]) -> None:
        self.stop = stops[0]  # replaced as a whole
        self._stops = stops
        self._leaves = list(accumulate(stop.seconds for stop in stops))
        self._began: float | None = None
        self._renewed: Tour | None = None

    def renews(self, other: Tour) -> None:
        """This is `other` with its looks edited. From any thread, before it is asked."""
        self._renewed = other
        names = [stop.aim.look.name for stop in self._stops]
        on = other.stop.aim.look.name
        self.stop = self._stops[names.index(on)] if on in names else self._stops[0]

    def goes_on_as(self, other: Tour) -> bool:
        """Be where `other`, the reader's, is, if this is that with its looks edited."""
        if self._renewed is not other:
            return False
        self._began, self._renewed = other._began, None
        return True

    def at(self, now: float) -> Stop:
        """The stop that is on at `now`."""
        if len(self._stops) > 1:
            if self._began is None:
                self._began = now
            gone = (now - self._began + _ROUNDING) % self._leaves[-1]
            number = bisect_right(self._leaves, gone)
            self.stop = self._stops[min(number, len(self._stops) - 1)]  # rounding, again
        return self.stop
