"""Timelines: at which time of the file a picture begins, and when the last one ends."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import isfinite
from typing import Protocol

from streamcam.frames import Frame
from streamcam.sink import Format

_FINE = Fraction(1, 90_000)  # seconds
_FINEST = 1_000_000  # ticks a second that a file's times are kept in
_SLACK = 0.75  # ticks by which a live picture may be early or late before it changes its place


class Timeline(Protocol):
    """All times are whole numbers of `time_base`, seconds.

    rate    pictures per second, as the file says it
    steady  all pictures last equally long
    began   by the clock, live: when the first picture was placed
    """

    began: float | None
    rate: Fraction
    time_base: Fraction
    steady: bool

    def place(self, frame: Frame) -> int | None:
        """When the frame begins: after the one before it. None: it adds no picture."""
        ...

    def end(self) -> int:
        """When the last picture ends, if nothing follows."""
        ...


class LiveTimeline:
    """A grid of `fps` that follows the clock, so sound recorded beside it stays in step for hours.

    A tick that comes far too early adds no picture, and one that was missed leaves a gap, in
    which players go on showing the picture before. The last one lasts until `end` is called.
    """

    steady = False

    def __init__(self, fps: float, clock: Callable[[], float]) -> None:
        self.rate = Fraction(fps).limit_denominator(1001)
        self.time_base = 1 / self.rate
        self._clock = clock
        self.began: float | None = None
        self._last = -1

    def place(self, frame: Frame) -> int | None:
        ahead = self._due() - self._last - 1
        if ahead < -_SLACK:
            return None
        self._last += 1 if ahead < _SLACK else round(ahead) + 1
        return self._last

    def end(self) -> int:
        return max(self._last + 1, round(self._due()))

    def _due(self) -> float:
        now = self._clock()
        if self.began is None:
            self.began = now
        return (now - self.began) * float(self.rate)


class ConstantTimeline:
    """The frames' own times, on a grid of exactly `rate`."""

    steady = True
    began: float | None = None

    def __init__(self, rate: Fraction) -> None:
        self.rate = rate
        self.time_base = 1 / rate
        self._last, self._lasts = -1, 1

    def place(self, frame: Frame) -> int | None:
        following = self._last + 1
        time = frame.media_time
        self._last = following if time is None else max(following, round(time * self.rate))
        self._lasts = _ticks(frame.duration, self.rate) or 1
        return self._last

    def end(self) -> int:
        return self._last + self._lasts


class VariableTimeline:
    """The frames' own times, in the ticks of their film. One without follows on the one before it,
    which lasts as long as it says, or else a period of `fps`."""

    steady = False
    began: float | None = None

    def __init__(self, fps: float, tick: Fraction | None = None) -> None:
        self.rate = Fraction(fps).limit_denominator(1001)
        known = tick is not None and 0 < 1 / tick <= _FINEST
        self.time_base = tick if tick is not None and known else _FINE
        self._period = max(1, round(1 / (self.rate * self.time_base)))
        self._last, self._end = -1, 0

    def place(self, frame: Frame) -> int | None:
        time = frame.media_time
        self._last = (
            self._end if time is None else max(round(time / self.time_base), self._last + 1)
        )
        self._end = self._last + (_ticks(frame.duration, 1 / self.time_base) or self._period)
        return self._last

    def end(self) -> int:
        return self._end


def timeline_for(form: Format, clock: Callable[[], float]) -> Timeline:
    """The timeline for pictures of `form`. `clock`: seconds, for live ones."""
    if form.realtime:
        return LiveTimeline(form.fps, clock)
    return (
        VariableTimeline(form.fps, form.tick) if form.rate is None else ConstantTimeline(form.rate)
    )


def _ticks(seconds: float | None, rate: Fraction) -> int:
    """At least one; 0 if nothing is known."""
    if seconds is None or not isfinite(seconds) or seconds <= 0:
        return 0
    return max(1, round(seconds * rate))
