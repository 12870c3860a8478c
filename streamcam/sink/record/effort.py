"""Effort: how hard the encoder of a rendered file works follows what the processor has left.

At the same quality more work makes a smaller file. The engine goes first: where no core is idle the
encoder does the least there is. Where cores are idle it does more, a step at a time, and takes the
step back if pictures come slower than before, whatever the processor says of itself (a container
with a quota sees cores that it may not use).
"""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

from streamcam.sink.record.h264 import EFFORTS

_INTERVAL_SECONDS = 2.0  # seconds between decisions, and
_PICTURES = 30  # pictures at least
_IDLE, _BUSY = 0.3, 0.08  # shares of the cores that are idle: from here on more, up to here less
_SLOWER = 0.95  # of the rate before: the step was too much
_REST = 15  # decisions for which a step that was too much is not tried again


def idle_share() -> float:
    """Of all cores since the last call, 0 … 1."""
    return 1.0 - float(psutil.cpu_percent()) / 100.0


class EffortControl:
    """Asked about every picture, in order. Used by one thread.

    level  of the effort, an index of EFFORTS
    """

    def __init__(
        self,
        idle: Callable[[], float] = idle_share,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`idle`: share of the cores that were idle since it was called last."""
        self.level = 0
        self._idle, self._clock = idle, clock
        self._began: float | None = None
        self._pictures = 0
        self._before: float | None = None  # pictures a second before the last step up
        self._resting = 0

    def changed(self) -> bool:
        """One more picture: whether `level` is another one from here on."""
        now = self._clock()
        if self._began is None:
            self._idle()
            self._began = now
            return False
        self._pictures += 1
        took = now - self._began
        if took < _INTERVAL_SECONDS or self._pictures < _PICTURES:
            return False
        step = self._step(self._pictures / took)
        self._began, self._pictures = now, 0
        self.level += step
        return step != 0

    def _step(self, rate: float) -> int:
        idle, before, self._before = self._idle(), self._before, None
        self._resting = max(0, self._resting - 1)
        slower = before is not None and rate < _SLOWER * before
        if self.level and (slower or idle < _BUSY):
            self._resting = _REST
            return -1
        if idle < _IDLE or self._resting or self.level == len(EFFORTS) - 1:
            return 0
        self._before = rate
        return 1
