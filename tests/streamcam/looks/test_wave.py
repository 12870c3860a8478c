"""The shapes of waves: golden points, bounds, periods, and no jump but the square's."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamcam.looks.line import Line
from streamcam.looks.wave import SHAPES, walk

turns = st.floats(-1e4, 1e4)
ROUNDS = {
    "sine": (0.0, 0.7071, 1.0, 0.7071, 0.0, -0.7071, -1.0, -0.7071),
    "triangle": (0.0, 0.5, 1.0, 0.5, 0.0, -0.5, -1.0, -0.5),
    "square": (1.0, 1.0, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0),
}


@pytest.mark.parametrize("shape", ROUNDS)
def test_a_round(shape):
    points = [SHAPES[shape](8 + eighth / 8) for eighth in range(8)]
    assert points == pytest.approx(ROUNDS[shape], abs=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
@given(turns)
def test_within_its_bounds(shape, at):
    assert -1.0 <= SHAPES[shape](at) <= 1.0


@pytest.mark.parametrize("shape", ["sine", "triangle"])
@given(turns, st.integers(-50, 50))
def test_comes_round(shape, at, rounds):
    assert SHAPES[shape](at + rounds) == pytest.approx(SHAPES[shape](at), abs=1e-5)


@pytest.mark.parametrize("shape", ["sine", "triangle", "walk"])
@given(turns, st.floats(0.0, 0.01))
def test_does_not_jump(shape, at, step):
    assert abs(SHAPES[shape](at + step) - SHAPES[shape](at)) <= 2 * 3.2 * step + 1e-6


def test_a_walk_is_the_same_for_the_same_time_and_spread_over_its_range():
    points = [walk(number) for number in range(2000)]
    assert points == [walk(number) for number in range(2000)]
    assert sum(points) / 2000 == pytest.approx(0.0, abs=0.05)
    assert sum(point**2 for point in points) / 2000 == pytest.approx(1 / 3, abs=0.03)
    neighbours = sum(one * other for one, other in pairwise(points)) / 2000
    assert neighbours == pytest.approx(0.0, abs=0.03)


@given(st.floats(-9, 9), st.floats(-9, 9), st.floats(0.01, 5), st.floats(0, 10))
def test_a_line_stays_between_its_ends(start, end, seconds, now):
    line = Line(start)
    line.go(end, 0.0, seconds)
    assert min(start, end) <= line.at(now) <= max(start, end)
    assert line.at(seconds) == end
    assert line.settled
