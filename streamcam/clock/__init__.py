"""Keeping time. Ticker: deadlines at an even pace."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import floor
from threading import Event

# The last part of a wait is slept through: time.sleep is exact everywhere, while a timed wait
# on an Event comes up to 16 ms late on Windows. It bounds the answer to `stop` as well.
_EXACT_SECONDS = 0.02

NEVER = Event()  # a `stop` that is never set


class Ticker:
    """Ticks `fps` times a second on absolute deadlines, so lateness never adds up.

    The first tick is due when the ticker is made. A tick that is missed by a whole period or
    more is skipped and counted in `missed`; the phase stays. Used by one thread.
    """

    def __init__(
        self,
        fps: float,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not fps > 0:
            raise ValueError(f"a ticker needs a positive rate, not {fps}")
        self.period = 1.0 / fps
        self.missed = 0
        self.clock = clock
        self.deadline = clock()  # of the next tick
        self._sleep = sleep

    def wait(self, stop: Event) -> bool:
        """Sleep until the next tick is due. False, within 20 ms, once `stop` is set."""
        late = self.clock() - self.deadline
        if late >= self.period:
            skipped = floor(late / self.period)
            self.missed += skipped
            self.deadline += skipped * self.period
        rest = -late
        if rest > _EXACT_SECONDS:
            stop.wait(rest - _EXACT_SECONDS)
            rest = self.deadline - self.clock()
        if stop.is_set():
            return False
        if rest > 0:
            self._sleep(rest)
        self.deadline += self.period
        return True

    def restart(self) -> None:
        """Make the next tick due one period from now. Counts nothing as missed."""
        self.deadline = self.clock() + self.period

    def shift(self, seconds: float) -> None:
        """Move the next tick, and with it all later ones: later if positive, else earlier."""
        self.deadline += seconds
