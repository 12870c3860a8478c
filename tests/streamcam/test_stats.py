"""Stats: counts, rates and percentiles that the status line can trust."""

from dataclasses import fields
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamcam import stats as stats_module
from streamcam.frames import Ring
from streamcam.notices import Notice
from streamcam.stats import Snapshot, Stats, percentile


@pytest.fixture
def clock(monkeypatch):
    """Time as the test sets it."""

    class Clock:
        now = 50.0

        def __call__(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(stats_module, "perf_counter", clock)
    return clock


def test_a_fresh_reading_is_all_zero(clock):
    reading = Stats().snapshot()
    for field in fields(Snapshot):
        assert getattr(reading, field.name) in (0, 0.0, "")


def test_rates_are_those_of_the_last_two_seconds(clock):
    stats = Stats()
    for frame in range(100):
        clock.now = 50 + frame / 10  # ten seconds at 10 fps
        stats.count("in")
    for frame in range(60):
        clock.now = 60 + frame / 30  # two at 30
        stats.count("in")
        stats.count("engine")
    reading = stats.snapshot()
    assert reading.fps_in == pytest.approx(30, rel=0.02)
    assert reading.fps_engine == pytest.approx(30, rel=0.02)
    assert reading.fps_out == 0
    assert reading.frames_in == 160
    clock.now += 5
    assert stats.snapshot().fps_in == 0, "nothing came for long"


def test_times_are_milliseconds_and_counts_are_totals(clock):
    stats = Stats()
    for milliseconds in range(1, 101):
        stats.took("motion", milliseconds / 1e3)
        stats.took("style", milliseconds / 500)
        stats.took("engine", milliseconds / 1e4)
        stats.count("out")
    stats.count("repeats")
    reading = stats.snapshot()
    assert reading.motion_latency_ms_p50 == pytest.approx(50)
    assert reading.motion_latency_ms_p95 == pytest.approx(95)
    assert reading.style_latency_ms_p50 == pytest.approx(100)
    assert reading.style_latency_ms_p95 == pytest.approx(190)
    assert reading.engine_ms_p50 == pytest.approx(5)
    assert (reading.frames_out, reading.repeats) == (100, 1)
    assert stats.total("out") == 100
    assert stats.total("nothing") == 0


def test_the_share_skipped_is_of_what_the_gate_saw():
    stats = Stats()
    for _ in range(3):
        stats.count("skipped")
    stats.count("engine")
    assert stats.snapshot().skipped == 0.75


def test_drops_of_all_queues_are_added():
    stats, first, second = Stats(), Ring(), Ring()
    stats.watch_drops(first)
    stats.watch_drops(second)
    for item in range(3):
        first.put(item)
    second.put(0)
    second.put(1)
    assert stats.snapshot().dropped == 3


def test_every_snapshot_asks_the_owner_of_a_text():
    stats, looks = Stats(), ["noir"]
    assert stats.snapshot().look == ""
    stats.ask("look", lambda: looks[-1])
    assert stats.snapshot().look == "noir"
    looks.append("oil")
    assert stats.snapshot().look == "oil"


def test_notices_stay_until_they_are_settled():
    stats = Stats()
    stats.notices.put(Notice("source", "camera lost"))
    stats.notices.put(Notice("preset", "its engine is being built"))
    assert stats.snapshot().notice == "camera lost · its engine is being built"
    stats.notices.settle("source")
    stats.notices.put(Notice("preset", ""))
    assert stats.snapshot().notice == ""
    assert stats.snapshot().as_dict()["notice"] == ""


def test_counting_from_many_threads_loses_nothing():
    stats = Stats()

    def count():
        for _ in range(500):
            stats.count("in")
            stats.took("engine", 0.001)

    threads = [Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        stats.snapshot()
    assert stats.total("in") == 4000


@settings(deadline=None)
@given(st.lists(st.floats(0, 10), max_size=50), st.integers(0, 100))
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(values, percent):
    ordered = sorted(values)
    found = percentile(ordered, percent)
    if not ordered:
        assert found == 0.0
        return
    reached = [value for value in ordered if value <= found]
    assert found in ordered
    assert len(reached) * 100 >= percent * len(ordered)
    below = [value for value in ordered if value < found]
    assert len(below) * 100 < max(percent, 1) * len(ordered)
