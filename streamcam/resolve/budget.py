"""Budget: how much of the engine's rate the resolve stage may take, and which level fits.

Where the engine keeps up with the camera, nothing is lost. Where it does not, a trial measures what
a level takes from it, unless the processor time of the thread shows that it cannot be much. A level
that takes too much is left, and tried again later, ever less often.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from streamcam.priority import usable_cores
from streamcam.resolve import Level
from streamcam.resolve.trial import Rate, Trial

_MOST_LOSS = 0.10  # share of the engine's rate
_MOST_IN_VAIN = 0.05  # likewise, where motion is shown hardly earlier
_WORTH_SECONDS = 0.02  # by which motion must be shown earlier, on average, to be worth the most
_MEMORY = 0.98  # weight of earlier ticks in that average
# An engine waits for its slowest thread, so what one core gives takes up to so many times as much.
_WAITING = 2.0
_KEEPS_UP = 0.93  # share of the camera's rate from which an engine keeps up with it
_WATCH_SECONDS = 1.0  # between looks at the rates, which are taken of twice that
_IN_A_ROW = 3  # looks in a row at which the engine falls behind before a trial begins
_CHECK_SECONDS = 300.0  # until a level that fits is tried again
_RETRY_SECONDS, _LONGEST_RETRY_SECONDS = 30.0, 960.0  # until one that did not fit is; doubled
_OTHER = 1.25  # times its usual rate, or less by as much: another engine, or another load


class Budget:
    """Which level runs. Used by one thread.

    level  the one to run now
    fits   the one that runs but for the turns of a trial without it
    """

    def __init__(
        self,
        highest: Level,
        rate: Rate | None = None,
        fps: float = 30.0,
        *,
        cores: int | None = None,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """
        highest  where it begins
        rate     of the engine ("engine", "skipped") and the camera ("in"), a second; None: it stays
                 at the highest, whatever that costs
        fps      of the outputs
        cores    that this program may use; None asks the system
        """
        self.level = self.fits = highest
        self._highest = highest
        self._rate = rate
        self._fps = fps
        self._cores = cores or usable_cores()
        self._clock = clock
        self._trial: Trial | None = None
        self._looked_at: float | None = None
        self._spent = 0.0  # seconds, since then
        self._earlier = 0.0  # seconds, on average
        self._behind = self._changed = 0  # looks in a row
        self._usual = 0.0  # rate of the engine since the last trial
        self._check_at = 0.0  # no trial of the level that runs before that
        self._retry_at = 0.0  # nor of the next one
        self._retry = _RETRY_SECONDS

    def spend(self, seconds: float, earlier: float) -> None:
        """A tick took `seconds` of processor time, and showed what moves by so many seconds
        `earlier` than the engine's picture does. Called at every tick, also where nothing ran."""
        if self._rate is None:
            return
        now = self._clock()
        if self._looked_at is None:
            self._looked_at = now  # the first tick loads and allocates
            return
        if self._trial is not None:
            self._go_on(self._trial, now)
            return
        self._spent += seconds
        self._earlier = _MEMORY * self._earlier + (1.0 - _MEMORY) * earlier
        if now - self._looked_at >= _WATCH_SECONDS:
            share = self._spent / (now - self._looked_at) / self._cores
            self._looked_at, self._spent = now, 0.0
            self._look(self._rate, share, now)

    def _look(self, rate: Rate, share: float, now: float) -> None:
        since = now - 2.0 * _WATCH_SECONDS
        engine = rate("engine", since)
        camera = min(rate("in", since), self._fps)
        behind = engine > 0.0 and engine + rate("skipped", since) < _KEEPS_UP * camera
        self._behind = self._behind + 1 if behind else 0
        if not behind:
            if self.fits < self._highest and now >= self._retry_at:
                self._check_at = now
                self._settle(Level(self.fits + 1))
            return
        if self._behind < _IN_A_ROW:
            return
        if self._is_other(engine):
            self._check_at = self._retry_at = now
        cheap = _WAITING * share < self._limit
        if self.fits > Level.HELD and now >= self._check_at and not cheap:
            self._try(self.fits, rate, now)
        elif self.fits < self._highest and now >= self._retry_at:
            self._try(Level(self.fits + 1), rate, now)

    def _is_other(self, engine: float) -> bool:
        """Whether the engine's rate has lastingly left what it was after the last trial."""
        if not self._usual:
            self._usual = engine
        other = not 1.0 / _OTHER < engine / self._usual < _OTHER
        self._changed = self._changed + 1 if other else 0
        return self._changed >= 2 * _IN_A_ROW

    @property
    def _limit(self) -> float:
        return _MOST_LOSS if self._earlier >= _WORTH_SECONDS else _MOST_IN_VAIN

    def _try(self, level: Level, rate: Rate, now: float) -> None:
        self._trial = Trial(level, self._limit, rate, now)
        self.level = self._trial.runs

    def _go_on(self, trial: Trial, now: float) -> None:
        if not trial.is_over(now):
            self.level = trial.runs
            return
        self._trial, self._looked_at, self._spent = None, now, 0.0
        self._check_at = now + (_CHECK_SECONDS if trial.rate and trial.fits else 0.0)
        if trial.fits:
            self._settle(trial.level)
            return
        self._retry_at = now + self._retry
        self._retry = min(2.0 * self._retry, _LONGEST_RETRY_SECONDS)
        self._settle(min(self.fits, Level(trial.level - 1)))

    def _settle(self, level: Level) -> None:
        self.level = self.fits = level
        self._behind = self._changed = 0
        self._usual = 0.0
