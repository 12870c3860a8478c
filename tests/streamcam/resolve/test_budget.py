"""The budget: which level fits, by the share of the machine that it takes."""

import pytest

from streamcam.resolve import Level
from streamcam.resolve.budget import Budget


class Machine:
    """A thread "post" of `cost` processor seconds a tick at each level, 30 ticks a second."""

    def __init__(self, cost, cores=2, **settings):
        self.now, self.cost = 0.0, cost
        self.budget = Budget(Level.GUIDED, cores=cores, clock=lambda: self.now, **settings)

    def run(self, seconds):
        levels = []
        for _ in range(round(30 * seconds)):
            self.now += 1 / 30
            self.budget.spend(self.cost[self.budget.level])
            levels.append(self.budget.level)
        return levels


FREE, CHEAP, DEAR = 0.0, 0.003, 0.010  # of two cores: 0, 4.5 %, 15 %


def test_what_fits_stays():
    machine = Machine({Level.GUIDED: CHEAP})
    assert set(machine.run(60)) == {Level.GUIDED}


def test_it_steps_down_within_seconds_as_far_as_it_must():
    machine = Machine({Level.GUIDED: DEAR, Level.WARPED: CHEAP, Level.HELD: FREE})
    levels = machine.run(6)
    assert levels[0] is Level.GUIDED
    assert levels[-1] is Level.WARPED
    machine = Machine({Level.GUIDED: DEAR, Level.WARPED: DEAR, Level.HELD: FREE})
    assert machine.run(10)[-1] is Level.HELD


def test_a_moment_is_no_reason():
    machine = Machine({Level.GUIDED: CHEAP})
    machine.run(3)
    machine.cost = {Level.GUIDED: DEAR}
    machine.run(0.9)
    machine.cost = {Level.GUIDED: CHEAP}
    assert set(machine.run(10)) == {Level.GUIDED}


def test_it_comes_back_once_there_is_room():
    machine = Machine({Level.GUIDED: DEAR, Level.WARPED: CHEAP, Level.HELD: FREE})
    machine.run(6)
    machine.cost[Level.GUIDED] = CHEAP
    assert machine.run(60)[-1] is Level.GUIDED


def test_a_level_that_never_fits_is_tried_ever_less_often():
    machine = Machine({Level.GUIDED: DEAR, Level.WARPED: CHEAP, Level.HELD: FREE})
    machine.run(6)
    first, last = machine.run(200), machine.run(2000)[-600:]
    assert 0 < first.count(Level.GUIDED) < 0.15 * len(first)
    assert last.count(Level.GUIDED) < 0.05 * len(last)


@pytest.mark.parametrize("cores", [1, 2, 16])
def test_the_share_is_that_of_all_cores(cores):
    machine = Machine({Level.GUIDED: DEAR, Level.WARPED: FREE, Level.HELD: FREE}, cores=cores)
    assert machine.run(6)[-1] is (Level.GUIDED if cores == 16 else Level.WARPED)


def test_without_a_limit_it_stays():
    machine = Machine({Level.GUIDED: 1.0}, limited=False)
    assert set(machine.run(20)) == {Level.GUIDED}


def test_the_cores_are_those_of_the_machine():
    assert Budget(Level.GUIDED).level is Level.GUIDED
