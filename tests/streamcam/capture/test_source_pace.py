from __future__ import annotations

from itertools import pairwise

import pytest
from capture_fakes import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from streamcam.capture.video.timing import Timeline
from streamcam.clock.pace import LONGEST_WAIT, FrameSchedule, Pace, SystemClock, reached

PERIOD = 1 / 30
TIMES = st.one_of(st.none(), st.floats(-1e6, 1e6))


def test_reached_waits_for_a_near_deadline_and_not_for_a_past_one(clock):
    assert reached(clock.now() + 0.2, clock)
    assert clock.sleeps == [pytest.approx(0.2)]
    assert reached(clock.now() - 5, clock)
    assert len(clock.sleeps) == 1


def test_reached_gives_up_on_a_far_deadline_after_half_a_second(clock):
    deadline = clock.now() + 1.2
    assert [reached(deadline, clock) for _ in range(3)] == [False, False, True]
    assert clock.now() == pytest.approx(deadline)
    assert max(clock.sleeps) <= LONGEST_WAIT


def test_the_system_clock_sleeps_on_its_own_time():
    clock = SystemClock()
    begin = clock.now()
    clock.sleep(0.002)
    assert clock.now() - begin >= 0.002


def test_pace_does_not_drift_however_long_the_work_takes(clock):
    pace = Pace(30, clock)
    begin = clock.now()
    for _ in range(300):
        assert pace.due()
        clock.time += 0.7 * PERIOD
    assert pace.due()
    assert clock.now() - begin == pytest.approx(300 * PERIOD, abs=PERIOD)


def test_pace_skips_the_ticks_that_were_missed(clock):
    pace = Pace(10, clock)
    assert pace.due()
    clock.time += 0.75
    assert pace.due()  # late, at once
    before = clock.now()
    assert pace.due()
    assert clock.now() - before == pytest.approx(0.05)  # back in phase


def test_a_slow_pace_returns_between_its_ticks(clock):
    pace = Pace(0.4, clock)
    assert pace.due()
    assert [pace.due() for _ in range(6)] == [False] * 4 + [True, False]


@given(st.lists(TIMES, min_size=1, max_size=50), st.sampled_from([10.0, float("inf")]))
def test_a_timeline_starts_at_zero_and_rises(times, gap):
    timeline = Timeline(PERIOD, gap)
    placed = [timeline.place(time) for time in times]
    assert placed[0] == 0
    assert all(earlier < later for earlier, later in pairwise(placed))
    assert all(later - earlier <= max(gap, PERIOD) + 1e-6 for earlier, later in pairwise(placed))


def test_a_timeline_keeps_uneven_times():
    timeline = Timeline(0.1, float("inf"))
    times = [7.0, 7.1, 7.5, 27.5]
    assert [timeline.place(time) for time in times] == pytest.approx([0, 0.1, 0.5, 20.5])


def test_a_timeline_goes_on_over_a_loop_and_over_a_wrap():
    timeline = Timeline(0.1, 10.0)
    times = [3.0, 3.1, 3.2, 3.0, 3.1, 90000.0, 90000.1]
    assert [timeline.place(time) for time in times] == pytest.approx(
        [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    )


def play(schedule: FrameSchedule, clock: FakeClock, count: int, work: float) -> list[int]:
    """The pictures that are shown if decoding each takes `work` seconds."""
    shown = []
    for number in range(count):
        clock.time += work
        if schedule.wants(number * PERIOD):
            while not schedule.reached(number * PERIOD):
                pass
            shown.append(number)
    return shown


def test_a_schedule_shows_everything_at_its_time_if_decoding_is_quick(clock):
    schedule = FrameSchedule(PERIOD, clock)
    begin = clock.now() + 0.01
    assert play(schedule, clock, 90, 0.01) == list(range(90))
    assert clock.now() - begin == pytest.approx(89 * PERIOD)
    assert schedule.skipped == 0


def test_a_schedule_catches_up_after_a_hiccup_by_leaving_pictures_out(clock):
    schedule = FrameSchedule(PERIOD, clock)
    play(schedule, clock, 10, 0.001)
    origin = clock.now() - 9 * PERIOD
    clock.time += 0.35
    shown = [number for number in range(10, 60) if show(schedule, clock, number)]
    left_out = set(range(10, 60)) - set(shown)
    assert left_out
    assert not any(number + 1 in left_out for number in left_out)  # never two in a row
    assert set(range(30, 60)) <= set(shown)
    assert clock.now() == pytest.approx(origin + 59 * PERIOD)


def show(schedule, clock, number):
    clock.time += 0.001
    if not schedule.wants(number * PERIOD):
        return False
    assert schedule.reached(number * PERIOD)
    return True


def test_a_schedule_that_cannot_be_kept_shows_at_least_every_second_picture(clock):
    schedule = FrameSchedule(PERIOD, clock)
    shown = play(schedule, clock, 300, 2 * PERIOD)
    assert len(shown) >= 150
    assert schedule.skipped == 300 - len(shown)


def test_a_schedule_moves_when_it_is_a_second_late(clock):
    schedule = FrameSchedule(PERIOD, clock)
    play(schedule, clock, 10, 0.001)
    clock.time += 60  # the laptop slept
    assert play_from(schedule, clock, 10, 40) == list(range(10, 40))


def play_from(schedule, clock, first, last):
    return [number for number in range(first, last) if show(schedule, clock, number)]


def test_a_schedule_asks_for_less_only_while_it_is_behind(clock):
    schedule = FrameSchedule(PERIOD, clock)
    play(schedule, clock, 5, 0.001)
    assert not schedule.behind
    clock.time += 0.4
    schedule.wants(5 * PERIOD)
    assert schedule.behind
    play_from(schedule, clock, 6, 60)
    assert not schedule.behind
