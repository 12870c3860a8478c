"""Budget: how much of the machine the resolve stage may take, and which level fits.

An engine on the processor keeps every core busy, so what another thread computes is taken from it:
its rate falls by about that thread's share of all cores. Levels are therefore chosen by that share,
measured as the processor time of the thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from time import perf_counter

from streamcam.resolve import Level

_MOST_SHARE = 0.10  # share of all cores; see tests/benchmarks/README.md
_WINDOW_SECONDS = 1.0  # seconds over which it is measured
_WINDOWS_IN_A_ROW = 2  # windows in a row above it before a level is left
_RETRY_SECONDS, _LONGEST_RETRY_SECONDS = (
    20.0,
    320.0,
)  # seconds until a level that was left is tried again; doubled


class Budget:
    """Which level runs. Used by one thread.

    level  the one to run now
    """

    def __init__(
        self,
        highest: Level,
        *,
        limited: bool = True,
        cores: int | None = None,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """`highest`: where it begins; not `limited`: where it stays, whatever that costs. `cores`:
        those that this program may use; None asks the system."""
        self.level = highest
        self._highest = highest
        self._limited = limited
        self._cores = cores or _usable_cores()
        self._clock = clock
        self._spent = 0.0
        self._since: float | None = None
        self._over = 0  # windows in a row
        self._retry = _RETRY_SECONDS
        self._left_at = 0.0

    def spend(self, seconds: float) -> None:
        """A tick took that much processor time. Called at every tick, also where nothing ran."""
        if not self._limited:
            return
        now = self._clock()
        if self._since is None:
            self._since = now
            return  # the first tick loads and allocates
        self._spent += seconds
        elapsed = now - self._since
        if elapsed < _WINDOW_SECONDS:
            return
        share = self._spent / elapsed / self._cores
        self._since, self._spent = now, 0.0
        self._judge(share, now)

    def _judge(self, share: float, now: float) -> None:
        self._over = self._over + 1 if share > _MOST_SHARE else 0
        if self._over >= _WINDOWS_IN_A_ROW and self.level > Level.HELD:
            self._over = 0
            if now - self._left_at < 2 * _RETRY_SECONDS:  # it was tried in vain
                self._retry = min(2 * self._retry, _LONGEST_RETRY_SECONDS)
            self.level = Level(self.level - 1)
            self._left_at = now
        elif self.level < self._highest and now - self._left_at >= self._retry:
            self.level = Level(self.level + 1)
            self._left_at = now


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
