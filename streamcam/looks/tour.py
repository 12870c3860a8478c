"""Tour: a look, or a schedule of looks, on its way by the reader's time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from engines.api import Params
from streamcam.looks.fade import Fade

_ROUNDING = 1e-6  # seconds that sums of decimals may fall short of


@dataclass(frozen=True, slots=True, eq=False)
class Stop:
    """A look, encoded. `seconds` that it is on before the next, `crossfade` that lead to it."""

    look: str
    params: Params
    crossfade: float
    seconds: float


class Tour:
    """Goes round and round, beginning when it is first asked. A single stop stays.

    Used by the reader alone, but for `look`, which any thread may read.

    How far it is depends on the time alone, not on how often it is asked: a frame of a file gets
    the same look at any speed, and after a pause it is where it would have been without one.
    """

    def __init__(self, stops: Sequence[Stop], shown: Params | None) -> None:
        """`shown`: what it fades from, if anything."""
        first = stops[0]
        self._stops = stops
        self._leaves = list(accumulate(stop.seconds for stop in stops))
        self._began: float | None = None
        self._stop = first  # replaced as a whole
        self._fade = Fade(shown or first.params, first.params, first.crossfade)
        self._shown = self._fade.start

    @property
    def look(self) -> str:
        """Name of the look that is on, or that it is moving to."""
        return self._stop.look

    def at(self, now: float) -> Params:
        """The parameters at `now`."""
        if len(self._stops) > 1:
            self._move_on(now)
        self._shown = self._fade.at(now)
        return self._shown

    def _move_on(self, now: float) -> None:
        if self._began is None:
            self._began = now
        round_trip = self._leaves[-1]
        number = bisect_right(self._leaves, (now - self._began + _ROUNDING) % round_trip)
        stop = self._stops[min(number, len(self._stops) - 1)]  # rounding must not lead beyond
        if stop is not self._stop:
            self._stop = stop
            if stop.params is not self._fade.end:
                self._fade = Fade(self._shown, stop.params, stop.crossfade)
