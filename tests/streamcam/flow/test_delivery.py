"""Delivery: each sink gets the right frame at the right time, and is closed whatever happens."""

from __future__ import annotations

from itertools import pairwise
from threading import Event

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamcam.clock import Ticker
from streamcam.errors import SinkFailed, UsageError
from streamcam.flow.delivery import Delivery, Reopening
from streamcam.frames import Channel, Frame, Ring, RingClosed
from streamcam.notices import NoticeBoard
from streamcam.sink import Format
from streamcam.stats import Stats

FPS = 30.0
PERIOD = 1 / FPS
START = 1000.0
PIXELS = np.zeros((4, 4, 3), np.uint8)


class Simulation(Event):
    """Time, the queue and the sink of one run: nothing really waits.

    `arrivals` are seconds after START at which frames come into a Ring of capacity 1, which
    closes one period after the last. `cost` is the time one write takes.
    """

    def __init__(self, arrivals, cost=0.0, repeats=()):
        super().__init__()
        self.now = START
        self._coming = [
            Frame(PIXELS, seq, START + at, repeat=seq in repeats)
            for seq, at in enumerate(sorted(arrivals))
        ]
        self._end = START + max(arrivals, default=0) + PERIOD
        self._newest = None
        self._cost = cost
        self.dropped = 0
        self.label, self.paced, self.main_thread = "simulated", True, False
        self.reopen_as, self.watched, self.finishes = None, True, None
        self.written = []  # (time, frame)
        self.closed = False

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds

    def wait(self, timeout=None):
        self.sleep(timeout)
        return self.is_set()

    def get(self, timeout=None):
        self._arrive()
        deadline = self.now + timeout
        while self._newest is None and self.now < min(deadline, self._end):
            following = self._coming[0].captured_at if self._coming else self._end
            self.now = min(deadline, following, self._end)
            self._arrive()
        if self._newest is None and self.now >= self._end:
            raise RingClosed
        found, self._newest = self._newest, None
        return found

    def _arrive(self):
        while self._coming and self._coming[0].captured_at <= self.now:
            self.dropped += self._newest is not None
            self._newest = self._coming.pop(0)

    def write(self, frame):
        self.now += self._cost
        self.written.append((self.now, frame))

    def close(self):
        self.closed = True

    def run(self, stats=None):
        ticker = Ticker(FPS, self.clock, self.sleep)
        Delivery(self, self, Format(4, 4, FPS), self, stats=stats, ticker=ticker)()
        assert self.closed
        return [moment - START for moment, _ in self.written]

    @property
    def fresh(self):
        """(time written, frame) of each frame's first showing."""
        seen = set()
        return [
            (moment, frame)
            for moment, frame in self.written
            if frame.seq not in seen and not seen.add(frame.seq)
        ]


def test_a_slow_source_is_shown_at_every_tick():
    run = Simulation([0.2 + number / 11 for number in range(40)])
    moments = run.run()
    assert moments[0] == pytest.approx(0.2)  # at once, and nothing before it
    gaps = [after - before for before, after in pairwise(moments)]
    assert all(0.85 * PERIOD < gap < 1.15 * PERIOD for gap in gaps)
    assert len(moments) == pytest.approx((moments[-1] - moments[0]) * FPS, abs=2)


@settings(max_examples=60)
@given(st.lists(st.floats(0, 3), min_size=1, max_size=80, unique=True))
def test_the_newest_frame_waits_at_most_one_tick(arrivals):
    run = Simulation(arrivals)
    run.run()
    assert all(moment - frame.captured_at <= 1.001 * PERIOD for moment, frame in run.fresh)
    order = [frame.seq for _, frame in run.written]
    assert order == sorted(order)
    assert len(run.fresh) + run.dropped == len(arrivals)


@pytest.mark.parametrize("rate", [29.7, 29.97, 30.0, 30.03])
def test_ticks_lock_on_to_a_camera_of_the_same_rate(rate):
    jitter = np.random.default_rng(0).uniform(0, 0.004, 900)
    run = Simulation([number / rate + late for number, late in enumerate(jitter)])
    run.run()
    waits = [moment - frame.captured_at for moment, frame in run.fresh]
    # Unlocked, up to 224 of the 900 are shown twice, as many dropped, and the wait is 0.95.
    assert len(run.written) == len(run.fresh)
    assert run.dropped == 0
    assert np.percentile(waits, 95) < 0.2 * PERIOD


def test_a_slow_sink_skips_ticks_instead_of_falling_behind():
    run = Simulation([number / 60 for number in range(120)], cost=2.5 * PERIOD)
    run.run()
    assert all(moment - frame.captured_at <= 3.6 * PERIOD for moment, frame in run.fresh)
    assert run.dropped > 90


def test_what_the_primary_sink_counts():
    stats = Stats()
    run = Simulation([0.0, 0.1, 0.2], repeats={1})
    run.run(stats)
    assert stats.total("out") == 2
    assert stats.total("out") + stats.total("repeats") == len(run.written)
    latest = max(moment - frame.captured_at for moment, frame in run.fresh)
    assert stats.snapshot().motion_latency_ms_p95 <= latest * 1e3 + 1e-6


def test_nothing_is_written_before_the_first_picture():
    run = Simulation([])
    assert run.run() == []


class Notebook:
    """A sink that keeps the numbers it was given, and fails at one of them."""

    label, main_thread, reopen_as = "notebook", False, None

    def __init__(self, paced=False, fails_at=None, error=None):
        self.paced = paced
        self.seen = []
        self.closed = 0
        self._fails_at, self._error = fails_at, error
        self.close_error = None

    def write(self, frame):
        if frame.seq == self._fails_at:
            raise self._error
        self.seen.append(frame.seq)

    def close(self):
        self.closed += 1
        if self.close_error is not None:
            raise self.close_error


def filled(queue, count):
    for seq in range(count):
        queue.put(Frame(PIXELS, seq, 0.0, media_time=seq / 25))
    queue.close()
    return queue


@pytest.mark.parametrize("paced", [True, False])
def test_a_file_gets_every_frame_once_whatever_paced_says(paced):
    sink = Notebook(paced)
    form = Format(4, 4, 1000, realtime=False)
    Delivery(sink, filled(Channel(20), 20), form, Event())()
    assert sink.seen == list(range(20))
    assert sink.closed


@pytest.mark.parametrize("paced", [True, False])
def test_what_is_left_in_a_closed_queue_is_written(paced):
    sink = Notebook(paced)
    Delivery(sink, filled(Ring(3), 3), Format(4, 4, 1000), Event())()
    assert sink.seen == [0, 1, 2]
    assert sink.closed


@pytest.mark.parametrize("paced", [True, False])
def test_a_failing_sink_is_closed_and_its_error_comes_out(paced):
    sink = Notebook(paced, fails_at=1, error=SinkFailed("disk full"))
    with pytest.raises(SinkFailed, match="disk full"):
        Delivery(sink, filled(Ring(3), 3), Format(4, 4, 1000), Event())()
    assert sink.seen == [0]
    assert sink.closed


class Surprise(Exception):
    """What a library raises that nobody expected."""


@pytest.mark.parametrize("paced", [True, False])
@pytest.mark.parametrize("error", [Surprise("driver"), MemoryError(), OSError(5, "I/O error")])
def test_whatever_a_sink_raises_is_that_output_lost(paced, error):
    sink = Notebook(paced, fails_at=1, error=error)
    with pytest.raises(SinkFailed, match=rf"notebook failed: {type(error).__name__}") as caught:
        Delivery(sink, filled(Ring(3), 3), Format(4, 4, 1000), Event())()
    assert caught.value.__cause__ is error
    assert "(test_delivery.py:" in str(caught.value)
    assert sink.closed


@pytest.mark.parametrize("error", [Surprise("driver"), SinkFailed("cannot finish out.mp4")])
def test_what_a_close_raises_comes_out(error):
    sink = Notebook()
    sink.close_error = error
    with pytest.raises(SinkFailed, match=r"cannot finish|notebook cannot be closed: Surprise"):
        Delivery(sink, filled(Ring(3), 3), Format(4, 4, 1000), Event())()
    assert sink.seen == [0, 1, 2]


def test_what_a_close_raises_after_a_failure_hides_nothing():
    sink = Notebook(fails_at=1, error=SinkFailed("disk full"))
    sink.close_error = Surprise("again")
    with pytest.raises(ExceptionGroup) as caught:
        Delivery(sink, filled(Ring(3), 3), Format(4, 4, 1000), Event())()
    first, second = caught.value.exceptions
    assert str(first) == "disk full"
    assert str(second).startswith("notebook cannot be closed: Surprise: again (test_delivery.py:")


@pytest.mark.parametrize("paced", [True, False])
def test_whatever_breaks_a_sink_that_can_be_had_again_it_is_opened_again(paced):
    """Also if it cannot be closed, and whatever the first attempts raise."""
    broken, again = Notebook(paced, fails_at=1, error=Surprise("gone")), Notebook(paced)
    broken.reopen_as, broken.close_error = "notebook:again", Surprise("it hangs")
    outcomes, told, now = [Surprise("not yet"), UsageError("nor now"), again], [], [0.0]
    board = NoticeBoard()

    def reopen(choice):
        assert choice == "notebook:again"
        told.append(board.for_users())
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def clock():
        now[0] += 0.5
        return now[0]

    ticker = Ticker(1000, clock, lambda seconds: None)
    queue = filled(Channel(100), 60)
    form = Format(4, 4, 1000, realtime=paced)
    Delivery(broken, queue, form, Event(), reopening=Reopening(reopen, board, "x"), ticker=ticker)()
    assert told[0].startswith("output x: notebook failed: Surprise: gone (test_delivery.py:")
    assert told[0].endswith("; opening it again")
    assert told == told[:1] * 3, "until it is back"
    assert board.for_users() == ""
    assert again.seen
    assert again.closed


def test_who_watches_cannot_be_told_if_that_raises():
    class Blind(Notebook):
        @property
        def watched(self):
            raise Surprise("connections")

    assert Delivery(Blind(), Ring(), Format(4, 4, 30), Event()).watched


def test_a_sink_may_end_the_program_without_an_error():
    sink = Notebook(fails_at=1, error=RingClosed())
    Delivery(sink, filled(Ring(3), 3), Format(4, 4, 30), Event())()
    assert sink.seen == [0]
    assert sink.closed


@pytest.mark.parametrize("realtime", [True, False])
def test_while_nothing_comes_the_last_picture_comes_again_as_a_repeat(realtime):
    """Or a curtain could not be drawn over what the page shows when the camera is lost."""
    run = Simulation([0.0, 0.02, 0.5])
    run.paced = False
    Delivery(run, run, Format(4, 4, FPS, realtime=realtime), run)()
    again = [0, 1, 1, 1, 1, 1, 2] if realtime else [0, 1, 2]
    assert [frame.seq for _, frame in run.written] == again
    assert [frame.repeat for _, frame in run.fresh] == [False] * 3
    assert all(frame.repeat for _, frame in run.written[2:-1])


@pytest.mark.parametrize("paced", [True, False])
def test_stop_ends_it_while_nothing_comes(paced):
    stop = Event()
    stop.set()
    sink = Notebook(paced)
    Delivery(sink, Ring(), Format(4, 4, 30), stop)()
    assert sink.closed
