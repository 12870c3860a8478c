"""Keeping time on the thread "capture": deadlines, but never a wait longer than a read may take."""

from __future__ import annotations

import time
from typing import Protocol

from streamcam.clock import NEVER, Ticker

# Source.read returns None after this many seconds, so that the thread can see a stop.
LONGEST_WAIT = 0.5

_LATE_ALLOWED = 2  # of this many late pictures in a row, one is shown
_CATCH_UP_SECONDS = 0.2  # seconds late from which the decoder is asked to leave pictures out
_GIVE_UP_SECONDS = 1.0  # seconds late from which playback goes on from where it is


class Clock(Protocol):
    """Time as sources see it. Tests bring their own."""

    def now(self) -> float:
        """`time.perf_counter()` seconds."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""
        ...


class SystemClock:
    """The clock on the wall. `time.sleep` is exact to about a millisecond everywhere."""

    def now(self) -> float:
        return time.perf_counter()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


SYSTEM_CLOCK = SystemClock()


def reached(deadline: float, clock: Clock) -> bool:
    """Wait for `deadline`, but at most half a second. False if it is still to come then."""
    rest = deadline - clock.now()
    if rest > LONGEST_WAIT:
        clock.sleep(LONGEST_WAIT)
        return False
    if rest > 0:
        clock.sleep(rest)
    return True


class Pace:
    """Lets a source deliver `fps` frames a second, on the absolute deadlines of a `Ticker`."""

    def __init__(self, fps: float, clock: Clock) -> None:
        self._ticker = Ticker(fps, clock.now, clock.sleep)
        self._clock = clock

    def due(self) -> bool:
        """Wait for the next tick, but at most half a second. False if it is still to come."""
        return reached(self._ticker.deadline, self._clock) and self._ticker.wait(NEVER)


class FrameSchedule:
    """When the pictures of a timeline are due, and which of them are too late to show.

    The first picture is due when it is asked about. A picture that comes more than a period
    late is left out, but never two in a row: skipping saves the work that follows decoding.
    From 0.2 s on `behind` asks the decoder for less. A source that is a whole second late (a
    stalled disk, a laptop that slept, a file too heavy for this machine) will not catch up: the
    schedule moves.
    """

    def __init__(self, period: float, clock: Clock) -> None:
        self.skipped = 0
        self.behind = False
        self._period = period
        self._clock = clock
        self._origin: float | None = None  # when media time 0 is due
        self._late_in_a_row = 0

    def wants(self, media_time: float) -> bool:
        """Whether to show the picture at `media_time`. Asked once for each, in order."""
        now = self._clock.now()
        if self._origin is None:
            self._origin = now - media_time
        late = now - self._origin - media_time
        if late > _GIVE_UP_SECONDS:
            self._origin += late
            late = 0.0
        self.behind = late > _CATCH_UP_SECONDS
        self._late_in_a_row = self._late_in_a_row + 1 if late > self._period else 0
        if self._late_in_a_row % _LATE_ALLOWED == 1:
            self.skipped += 1
            return False
        return True

    def reached(self, media_time: float) -> bool:
        """Wait for the picture's time, but at most half a second. False if it is still to come."""
        return self._origin is None or reached(self._origin + media_time, self._clock)
