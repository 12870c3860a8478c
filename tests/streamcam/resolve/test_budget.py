"""The budget: which level fits, by what it takes from the engine's rate."""

import numpy as np
import pytest

from streamcam.resolve import Level
from streamcam.resolve.budget import Budget

GUIDED, WARPED, HELD = Level.GUIDED, Level.WARPED, Level.HELD


class Machine:
    """A camera of 30 frames a second; an engine that takes `alone` seconds a frame, and with each
    level by the share `loss` longer; a thread "post" that takes `cost` seconds a tick and shows
    motion `earlier` by so many. `scatter` is what other programs make of the engine's time."""

    def __init__(self, loss, alone=0.050, cost=0.006, earlier=0.07, cores=2, scatter=0.0, seed=1):
        self.now, self.loss, self.alone, self.cost, self.earlier = 0.0, loss, alone, cost, earlier
        self._marks = {"in": [], "engine": [], "skipped": []}
        self._scatter, self._rng, self._noise = scatter, np.random.default_rng(seed), 1.0
        self._done = 0.0
        self.budget = Budget(GUIDED, self._rate, cores=cores, clock=lambda: self.now)

    def _rate(self, name, since):
        recent = [mark for mark in self._marks[name][-200:] if mark >= since]
        return (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 1 else 0.0

    def run(self, seconds):
        """Which level runs at each tick, and which fits."""
        runs, fits = [], []
        for tick in range(round(30 * seconds)):
            self.now += 1 / 30
            self._marks["in"].append(self.now)
            if tick % 15 == 0:
                self._noise = np.exp(self._rng.normal(0.0, self._scatter))
            level = self.budget.level
            takes = self.alone * self._noise / (1.0 - self.loss.get(level, 0.0))
            if self.alone:
                self._restyle(max(takes, 1 / 30))
            idle = level is HELD
            self.budget.spend(0.0 if idle else self.cost, 0.0 if idle else self.earlier)
            runs.append(self.budget.level)
            fits.append(self.budget.fits)
        return runs, fits

    def _restyle(self, takes):
        self._done += 1 / 30
        if self._done >= takes:
            self._done -= takes
            self._marks["engine"].append(self.now - self._done)


def test_where_the_engine_keeps_up_everything_runs_and_nothing_is_tried():
    machine = Machine({GUIDED: 0.3}, alone=0.020)
    assert set(machine.run(60)[0]) == {GUIDED}


def test_what_takes_little_of_the_processor_is_not_tried():
    machine = Machine({GUIDED: 0.01}, cores=16)
    assert set(machine.run(60)[0]) == {GUIDED}


def test_what_takes_less_than_a_tenth_stays_after_one_trial():
    machine = Machine({GUIDED: 0.05, WARPED: 0.03})
    runs, fits = machine.run(30)
    assert HELD in runs
    assert set(fits) == {GUIDED}
    assert runs[-1] is GUIDED
    assert set(machine.run(240)[0]) == {GUIDED}, "one trial in five minutes"


def test_it_steps_down_within_seconds_as_far_as_it_must():
    _, fits = Machine({GUIDED: 0.2, WARPED: 0.05}).run(25)
    assert fits[0] is GUIDED
    assert fits[-1] is WARPED
    assert Machine({GUIDED: 0.2, WARPED: 0.2}).run(40)[1][-1] is HELD


@pytest.mark.parametrize("seed", range(10))
def test_other_programs_do_not_decide(seed):
    machine = Machine({GUIDED: 0.04, WARPED: 0.02}, scatter=0.10, seed=seed)
    fits = machine.run(40)[1]
    assert fits[-1] is not HELD
    machine = Machine({GUIDED: 0.3, WARPED: 0.25}, scatter=0.10, seed=seed)
    assert machine.run(60)[1][-1] is HELD


def test_a_moment_is_no_reason():
    machine = Machine({GUIDED: 0.2}, alone=0.020)
    machine.run(3)
    machine.alone = 0.060
    machine.run(0.9)
    machine.alone = 0.020
    assert set(machine.run(30)[0]) == {GUIDED}


def test_it_comes_back_once_there_is_room():
    machine = Machine({GUIDED: 0.2, WARPED: 0.2})
    assert machine.run(40)[1][-1] is HELD
    machine.alone = 0.020
    assert machine.run(120)[1][-1] is GUIDED


def test_it_comes_back_once_it_takes_less():
    machine = Machine({GUIDED: 0.2, WARPED: 0.2})
    machine.run(40)
    machine.loss = {GUIDED: 0.04, WARPED: 0.02}
    assert machine.run(400)[1][-1] is GUIDED


def test_another_engine_is_tried_anew():
    machine = Machine({GUIDED: 0.05, WARPED: 0.03})
    assert machine.run(30)[1][-1] is GUIDED
    machine.alone, machine.loss = 0.080, {GUIDED: 0.2, WARPED: 0.03}
    assert machine.run(40)[1][-1] is WARPED


def test_a_level_that_never_fits_is_tried_ever_less_often():
    machine = Machine({GUIDED: 0.2, WARPED: 0.03})
    machine.run(40)
    runs = machine.run(3000)[0][-30 * 900 :]
    tried = sum(level is not WARPED for level in runs)
    assert 0 < tried < 0.04 * len(runs)


def test_what_shows_nothing_earlier_may_take_half_as_much():
    assert Machine({GUIDED: 0.075, WARPED: 0.03}, earlier=0.07).run(30)[1][-1] is GUIDED
    assert Machine({GUIDED: 0.075, WARPED: 0.03}, earlier=0.0).run(30)[1][-1] is WARPED


def test_an_engine_that_rests_loses_nothing():
    machine = Machine({GUIDED: 0.2})
    machine.alone = 0.0
    assert set(machine.run(60)[0]) == {GUIDED}
    machine.alone = 0.050
    machine.run(5)
    machine.alone = 0.0
    assert machine.run(60)[1][-1] is GUIDED


def test_without_a_limit_it_stays():
    budget = Budget(GUIDED)
    for _ in range(100):
        budget.spend(1.0, 0.0)
    assert budget.level is budget.fits is GUIDED
