"""RateWatch: whether the engine's automatic size holds the rate, as the run really goes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter

from engines.api import EngineSpec
from streamcam.frames.geometry import Size
from streamcam.provision.size import next_larger, smaller_that_holds
from streamcam.stats import Stats

_SAMPLE_SECONDS = 0.75
_SETTLE_SECONDS = 1.0  # after an engine took over: its first frames load and warm up
_SLOW_SAMPLES = 4  # in a row that must be too slow: a busy moment of another program is none
_ROOM_SAMPLES = 27  # 20 s for which there must be room for a larger size
_HELD = 0.97  # share of the wanted rate that counts as holding it
_SATURATED = 0.85  # share of the time for which an engine is at work that is what makes it slow
_FEWEST = 40  # frames from which the time of one is known
_TIGHT, _ROOMY = 1.06, 1.35  # times the engine's time, for a smaller size and for a larger one
# Seconds until the size may grow after a change, so that viewers do not see it go to and fro. It
# may shrink soon: a picture that stutters is worse.
_APART_SECONDS = 30.0
_SLOW_AGAIN_SECONDS = 5.0
_REFUSED_SECONDS = 120.0  # for which a size that was too slow is left alone; then for twice as long
_LONGEST_FADE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Progress:
    """Counts of a run since its beginning.

    came      frames that the source brought
    restyled  those that the engine restyled, in so many `seconds` of its work
    spared    those for which the picture before was right
    """

    came: int
    restyled: int
    spared: int
    seconds: float


def progress_of(stats: Stats) -> Progress:
    """As the stages counted it."""
    return Progress(
        stats.total("in"), stats.total("engine"), stats.total("skipped"), stats.spent("engine")
    )


@dataclass(frozen=True, slots=True)
class Adjustable:
    """A running engine whose size is the program's choice. `aspect`: width / height to keep."""

    spec: EngineSpec
    aspect: float


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float
    progress: Progress


@dataclass(frozen=True, slots=True)
class _Pace:
    """What happened between two samples. Rates in frames a second."""

    wanted: float
    reached: float
    share: float  # of the time for which the engine was at work
    frames: int  # that it restyled
    frame_seconds: float

    @property
    def holds(self) -> bool:
        return self.reached >= _HELD * self.wanted


class RateWatch:
    """Asks for a smaller size where the rate is not held, and for the next larger one after a long
    while with room for it. Used by one thread.

    The time of a frame grows with its area, which says what size would do; where that was wrong,
    a later look finds it. The first change may come at once: the measurement of the start did not
    know what else the run would do.
    """

    def __init__(
        self,
        fps: float,
        progress: Callable[[], Progress],
        engine: Callable[[], Adjustable | None],
        resize: Callable[[Size, str], bool],
        crossing: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """
        fps       of the outputs; a slower source wants less
        engine    the running one; None while its size is no choice of the program's, it is broken,
                  or another one is being built
        resize    asks for another size and says why; False: not now
        crossing  whether one look is turning into another
        """
        self._fps = fps
        self._progress = progress
        self._engine = engine
        self._resize = resize
        self._crossing = crossing
        self._clock = clock
        self._judged: EngineSpec | None = None
        self._since = clock()  # when the judged engine was first seen
        self._may_shrink_at = self._may_grow_at = 0.0
        self._due_since: float | None = None  # a change waits for a fade
        self._samples: deque[_Sample] = deque(maxlen=_ROOM_SAMPLES + 1)
        self._too_slow: dict[Size, tuple[float, float]] = {}  # until when, and for how long

    def look(self) -> None:
        """Call it often."""
        now, engine = self._clock(), self._engine()
        if engine is None or engine.spec is not self._judged:
            self._judged, self._since = engine.spec if engine else None, now
            self._samples.clear()
            return
        if now - self._since < _SETTLE_SECONDS:
            return
        if self._samples and now - self._samples[-1].at < _SAMPLE_SECONDS:
            return
        self._samples.append(_Sample(now, self._progress()))
        change = self._change(engine, now)
        if change is None:
            self._due_since = None
            return
        if self._waits_for_fade(now):
            return
        size, why = change
        if self._resize(size, why):
            self._may_shrink_at, self._may_grow_at = now + _SLOW_AGAIN_SECONDS, now + _APART_SECONDS
            self._samples.clear()

    def _change(self, engine: Adjustable, now: float) -> tuple[Size, str] | None:
        """Another size and why, if one is due."""
        recent = list(self._samples)[-_SLOW_SAMPLES - 1 :]
        if len(recent) > _SLOW_SAMPLES and now >= self._may_shrink_at:
            pace = self._pace(recent[0], recent[-1])
            slow = not any(self._pace(*pair).holds for pair in pairwise(recent))
            if slow and pace.share >= _SATURATED:  # else it waits for something else
                return self._smaller(engine, pace, now)
        if now >= self._may_grow_at and len(self._samples) > _ROOM_SAMPLES:
            return self._larger(engine, self._pace(self._samples[0], self._samples[-1]), now)
        return None

    def _smaller(self, engine: Adjustable, pace: _Pace, now: float) -> tuple[Size, str] | None:
        own = (engine.spec.width, engine.spec.height)
        size = smaller_that_holds(own, engine.aspect, pace.frame_seconds * _TIGHT, pace.wanted)
        if size is None:
            return None
        _, patience = self._too_slow.get(own, (0.0, _REFUSED_SECONDS / 2))
        self._too_slow[own] = now + 2 * patience, 2 * patience
        reached = f"reaches {pace.reached:.0f} of {pace.wanted:.0f} fps"
        return size, f"{own[0]}x{own[1]} {reached}: {size[0]}x{size[1]} takes its place"

    def _larger(self, engine: Adjustable, pace: _Pace, now: float) -> tuple[Size, str] | None:
        if pace.frames < _FEWEST or not pace.holds:  # few: what it can do is not known
            return None
        own = (engine.spec.width, engine.spec.height)
        time = pace.frame_seconds * _ROOMY
        size = next_larger(own, engine.aspect, time, pace.wanted, engine.spec.device)
        if size is None or now < self._too_slow.get(size, (0.0, 0.0))[0]:
            return None
        holds = f"holds {pace.wanted:.0f} fps in {pace.share * 100:.0f} % of the time"
        return size, f"{own[0]}x{own[1]} {holds}: {size[0]}x{size[1]} takes its place"

    def _pace(self, first: _Sample, last: _Sample) -> _Pace:
        lapse = last.at - first.at
        before, now = first.progress, last.progress
        came, restyled = now.came - before.came, now.restyled - before.restyled
        return _Pace(
            wanted=min(self._fps, came / lapse),
            reached=(restyled + now.spared - before.spared) / lapse,
            share=(now.seconds - before.seconds) / lapse,
            frames=restyled,
            frame_seconds=(now.seconds - before.seconds) / max(restyled, 1),
        )

    def _waits_for_fade(self, now: float) -> bool:
        """A change of size within a change of look would be one more to see. Waves that never end
        are not waited for."""
        if self._due_since is None:
            self._due_since = now
        return self._crossing() and now - self._due_since < _LONGEST_FADE_SECONDS
