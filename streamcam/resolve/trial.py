"""Trial: what a level costs the engine: its rate with that level and without any, by turns.

An engine on the processor shares the cores with the thread "post", and by how much that slows it
depends on how many there are, how the engine's threads wait for each other, and what else runs. So
it is measured: without, with, with, without, and so on, until the answer is clear.
"""

from __future__ import annotations

from collections.abc import Callable
from math import expm1, log, log1p, sqrt
from statistics import fmean, stdev

from streamcam.resolve import Level

Rate = Callable[[str, float], float]  # `Stats.rate`

_SETTLE_SECONDS = 0.2  # after each change: frames that were under way
_WINDOW_SECONDS, _LONGEST_SECONDS = 0.8, 3.0  # one turn
_FEWEST = 5  # pictures of the engine in a turn, unless it takes too long
_LEAST_PAIRS, _MOST_PAIRS = 3, 8  # of turns
_SCATTER = 0.03  # least standard deviation of a pair that is assumed


class Trial:
    """Used by one thread.

    level  that is tried
    runs   the one to run now: that, or HELD
    loss   share of its rate that the engine loses with it, as far as is known
    rate   of the engine with it, pictures a second; 0.0 where the engine rested
    """

    def __init__(self, level: Level, limit: float, rate: Rate, now: float) -> None:
        """`limit`: the loss from which the level is too dear. `now`, here and below: of
        `time.perf_counter()`."""
        self.level = level
        self.runs = Level.HELD
        self.loss = self.rate = 0.0
        self._limit = log1p(-limit)
        self._rate = rate
        self._since = now
        self._turn: dict[Level, float] = {}  # this pair's rates
        self._pairs: list[float] = []  # logarithms of with / without

    def is_over(self, now: float) -> bool:
        """Called at every tick."""
        begins = self._since + _SETTLE_SECONDS
        took = now - begins
        if took < _WINDOW_SECONDS:
            return False
        rate = self._rate("engine", begins)
        if rate * took < _FEWEST and took < _LONGEST_SECONDS:
            return False
        self._since = now
        self._turn[self.runs] = rate
        if len(self._turn) < 2:
            self.runs = Level.HELD if self.runs is self.level else self.level
            return False
        without, beside = self._turn[Level.HELD], self._turn[self.level]
        self._turn = {}
        if not without or not beside:  # the engine rests: nothing is lost
            return True
        self.rate = beside
        self._pairs.append(log(beside / without))
        return self._is_clear()

    @property
    def fits(self) -> bool:
        """Whether the loss is within the limit."""
        return log1p(-self.loss) >= self._limit

    def _is_clear(self) -> bool:
        count, mean = len(self._pairs), fmean(self._pairs)
        self.loss = -expm1(mean)
        if count < _LEAST_PAIRS:
            return False
        error = max(stdev(self._pairs), _SCATTER) / sqrt(count)
        return abs(mean - self._limit) > error or count >= _MOST_PAIRS
