"""Ticker: absolute deadlines, whatever the work and the system's sleep take."""

from __future__ import annotations

from threading import Event, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamcam.clock import Ticker


class Time(Event):
    """A clock that moves only by sleeping, and the Event to wait with."""

    def __init__(self, overshoot=0.0):
        super().__init__()
        self.now = 100.0
        self.overshoot = overshoot

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds + self.overshoot

    def wait(self, timeout=None):
        self.sleep(timeout)
        return self.is_set()


@given(
    fps=st.floats(1, 240),
    shares=st.lists(st.floats(0, 0.9), min_size=1, max_size=60),
    overshoot=st.floats(0, 0.0003),
)
def test_lateness_never_adds_up(fps, shares, overshoot):
    time = Time(overshoot)
    ticker = Ticker(fps, time.clock, time.sleep)
    for number, share in enumerate(shares):
        assert ticker.wait(time)
        assert time.now - (100.0 + number / fps) == pytest.approx(0, abs=2 * overshoot + 1e-6)
        time.now += share / fps
    assert ticker.missed == 0


def test_missed_ticks_are_counted_and_the_phase_stays():
    time = Time()
    ticker = Ticker(10, time.clock, time.sleep)
    assert ticker.wait(time)
    time.now += 0.37  # three ticks went by, the last of them 0.07 s ago
    assert ticker.wait(time)
    assert time.now == pytest.approx(100.37)
    assert ticker.missed == 2
    assert ticker.wait(time)
    assert time.now == pytest.approx(100.4)


def test_shift_moves_all_later_ticks():
    time = Time()
    ticker = Ticker(10, time.clock, time.sleep)
    ticker.wait(time)
    ticker.shift(0.03)
    moments = []
    for _ in range(3):
        ticker.wait(time)
        moments.append(time.now)
    assert moments == pytest.approx([100.13, 100.23, 100.33])


def test_restart_is_one_period_away_and_misses_nothing():
    time = Time()
    ticker = Ticker(10, time.clock, time.sleep)
    time.now += 5
    ticker.restart()
    ticker.wait(time)
    assert time.now == pytest.approx(105.1)
    assert ticker.missed == 0


def test_stop_ends_a_long_wait():
    stop = Event()
    ticker = Ticker(0.01)
    ticker.wait(stop)  # the first tick is due at once
    answers = []
    waiting = Thread(target=lambda: answers.append(ticker.wait(stop)), daemon=True)
    waiting.start()
    stop.set()
    waiting.join(30)  # the tick itself is 100 s away
    assert answers == [False]


@pytest.mark.parametrize("fps", [0, -1, float("nan")])
def test_a_rate_that_is_none_is_refused(fps):
    with pytest.raises(ValueError, match="positive rate"):
        Ticker(fps)
