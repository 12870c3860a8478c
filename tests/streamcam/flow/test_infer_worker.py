"""InferWorker: engines change between two frames, and every engine is closed once done."""

from contextlib import suppress
from dataclasses import replace
from threading import Event

import numpy as np
import pytest

from engines.api import EngineSpec
from engines.backends.null import NullEngine
from engines.errors import EngineFailed
from streamcam.flow.infer import InferWorker
from streamcam.flow.infer.styling import Styling
from streamcam.frames import Channel, Frame, RingClosed
from streamcam.frames.geometry import View
from streamcam.gate.always import Always
from streamcam.looks.look import Look
from streamcam.looks.params import ParamsBox
from streamcam.stage import Stage
from streamcam.stats import Stats

LOOK = Look("plain", "a photo")


class Marking(NullEngine):
    """Adds its mark to every pixel, and tells whether it is open."""

    def __init__(self, mark=0, steps=1, width=128):
        super().__init__(EngineSpec(width=width, height=128, steps=steps))
        self.mark, self.closes, self.runs = mark, 0, 0

    def run(self, frame_HWC, params, out_HWC=None):
        assert self.closes == 0, "a closed engine was run"
        self.runs += 1
        out = super().run(frame_HWC, params, out_HWC)
        out += np.uint8(self.mark)
        return out

    def close(self):
        self.closes += 1


def _frame(seq):
    return Frame(np.full((128, 128, 3), seq, np.uint8), seq, float(seq), seq / 25)


def _styling(engine):
    return Styling(engine, ParamsBox(engine.encode, LOOK))


class Bench:
    """A worker between two queues. Called: runs the frames given and returns the pictures."""

    def __init__(self, engine, *, realtime=True):
        self.inbox, self.outbox = Channel(1000), Channel(1000)
        self.drains, self.failures = [], []
        self.worker = InferWorker(
            (self.inbox, self.outbox),
            _styling(engine),
            self.open_gate,
            Stats(),
            View((128, 128)),
            broke=self.failures.append if realtime else None,
        )

    def open_gate(self, drain):
        self.drains.append(drain)
        return Always()

    def __call__(self, frames):
        for frame in frames:
            self.inbox.put(frame)
        self.inbox.close()
        with pytest.raises(RingClosed):
            self.worker.work()
        self.worker.close()
        self.outbox.close()
        pictures = []
        with suppress(RingClosed):
            while True:
                pictures.append(self.outbox.get())
        return pictures


class SwapAt(Channel):
    """An inbox that swaps the engine before it gives out frame `seq`."""

    def __init__(self, seq, action):
        super().__init__(1000)
        self.seq, self.action = seq, action

    def get(self, timeout=None):
        frame = super().get(timeout)
        if frame.seq == self.seq:
            self.action()
        return frame


def _swapping_bench(first, second, at, *, realtime=True):
    bench = Bench(first, realtime=realtime)
    inbox = SwapAt(at, lambda: bench.worker.swap(_styling(second)))
    bench.inbox = bench.worker._inbox = inbox
    return bench


@pytest.mark.parametrize("steps", [(1, 1), (4, 1), (1, 4), (4, 2)])
def test_a_swap_between_two_frames_loses_none_and_shows_no_black(steps):
    first, second = Marking(100, steps[0]), Marking(200, steps[1], width=256)
    pictures = _swapping_bench(first, second, at=6)([_frame(seq) for seq in range(1, 13)])
    assert len(pictures) == 12
    marks = [int(picture.pixels[0, 0, 0]) // 100 for picture in pictures]
    assert marks == [1] * 5 + [2] * 7
    assert all(picture.pixels.min() > 0 for picture in pictures)
    assert pictures[5].size == (256, 128)
    assert (first.closes, second.closes) == (1, 1)


@pytest.mark.parametrize("steps", [(1, 1), (4, 1), (1, 4), (4, 2)])
def test_a_swap_in_a_file_keeps_every_frame_once_and_in_order(steps):
    first, second = Marking(100, steps[0]), Marking(200, steps[1])
    bench = _swapping_bench(first, second, at=6, realtime=False)
    pictures = bench([_frame(seq) for seq in range(1, 13)])
    assert [picture.seq for picture in pictures] == list(range(1, 13))
    expected = [seq + (100 if seq < 6 else 200) for seq in range(1, 13)]
    assert [int(picture.pixels[0, 0, 0]) for picture in pictures] == expected
    assert (first.closes, second.closes) == (1, 1)


def test_of_two_swaps_before_a_frame_the_last_counts_and_the_other_is_closed():
    first, second, third = Marking(), Marking(50), Marking(100)
    bench = Bench(first)
    bench.worker.swap(_styling(second))
    bench.worker.swap(_styling(third))
    assert second.closes == 1
    assert bench([_frame(1)])[0].pixels[0, 0, 0] == 101
    assert (first.closes, second.closes, third.closes) == (1, 1, 1)
    assert second.runs == 0


def test_an_engine_that_comes_too_late_is_closed():
    first, waiting, late = Marking(), Marking(), Marking()
    bench = Bench(first)
    bench([])
    bench.worker.swap(_styling(waiting))
    assert waiting.closes == 1
    bench.worker.swap(_styling(late))
    assert (waiting.closes, late.closes) == (1, 1)


def test_closing_closes_the_engine_that_waits_to_be_swapped_in():
    first, waiting = Marking(), Marking()
    bench = Bench(first)
    bench.worker.swap(_styling(waiting))
    bench.worker.close()
    assert (first.closes, waiting.closes) == (1, 1)


def test_gates_are_made_for_the_delay_of_their_engine():
    bench = Bench(Marking(steps=4))
    following = Marking(steps=2)
    bench.worker.swap(_styling(following))
    bench([_frame(0)])
    assert bench.drains == [3, 1]


def test_another_gate_serves_this_engine_and_the_next():
    drains = []

    def other(drain):
        drains.append(drain)
        return Always()

    bench = Bench(Marking(steps=4))
    bench.worker.use_gate(other)
    bench([_frame(0)])
    assert (bench.drains, drains) == ([3], [3])


def test_a_broken_engine_ends_the_worker_with_its_reason():
    class Broken(NullEngine):
        def run(self, *arguments):
            raise EngineFailed("the device was removed")

    engine = Broken(replace(EngineSpec(), width=128, height=128))
    bench = Bench(engine, realtime=False)
    bench.inbox.put(_frame(0))
    with pytest.raises(EngineFailed, match="removed"):
        bench.worker.work()


class Clinging(Marking):
    """Waits for a device that hangs, where it is told to: in `take_over`, or in `close`."""

    def __init__(self, where, *, fails=False):
        super().__init__()
        self.where, self.fails = where, fails
        self.begun, self.go_on = Event(), Event()

    def run(self, frame_HWC, params, out_HWC=None):
        if self.fails and self.runs == 2:
            raise EngineFailed("the device failed")
        return super().run(frame_HWC, params, out_HWC)

    def take_over(self, other):
        self._wait("take_over")
        return False

    def close(self):
        self._wait("close")
        super().close()

    def _wait(self, where):
        if where == self.where:
            self.begun.set()
            assert self.go_on.wait(20)


def _left(bench, clinging, following):
    """Leave the thread that hangs; the frames that another one shows with the engine that follows,
    before and after the first is let go."""
    first = bench.thread
    assert clinging.begun.wait(5)
    assert bench.worker.busy()[0] > 0.0, "somebody can see that it hangs"
    assert bench.worker.abandon()
    bench.start()
    bench.worker.swap(_styling(following))
    bench.inbox.put(_frame(50))
    before = bench.outbox.get(5)
    clinging.go_on.set()
    assert first.join(5)
    assert first.errors == []
    bench.inbox.put(_frame(60))
    return [before, bench.outbox.get(5)]


@pytest.fixture
def hanging_bench():
    """Call with an engine: a bench whose worker runs on a thread of its own."""
    benches = []

    def begin(engine):
        bench = Bench(engine)

        def start():
            bench.thread = Stage("infer", bench.worker.work, [bench.worker])
            bench.thread.start()

        bench.start = start
        start()
        benches.append(bench)
        return bench

    yield begin
    for bench in benches:
        bench.inbox.close()
        assert bench.thread.join(5)
        assert bench.thread.errors == []


def test_an_engine_that_fails_and_then_cannot_be_closed_is_left(hanging_bench):
    engine, following = Clinging("close", fails=True), Marking(mark=7)
    bench = hanging_bench(engine)
    for seq in range(3):
        bench.inbox.put(_frame(seq))
    assert [bench.outbox.get(5).seq for _ in range(2)] == [0, 1]
    found = _left(bench, engine, following)
    assert [str(error) for error in bench.failures] == ["the device failed"], "told before that"
    assert [int(picture.pixels[0, 0, 0]) for picture in found] == [57, 67]
    assert engine.closes
    assert not following.closes


@pytest.mark.parametrize("where", ["take_over", "close"])
def test_a_change_of_engines_that_hangs_is_left(hanging_bench, where):
    spent = Clinging(where if where == "close" else "nowhere")
    coming = Clinging(where if where == "take_over" else "nowhere")
    clinging, following = (spent if where == "close" else coming), Marking(mark=7)
    bench = hanging_bench(spent)
    bench.inbox.put(_frame(0))
    bench.outbox.get(5)
    bench.worker.swap(_styling(coming))
    bench.inbox.put(_frame(1))
    found = _left(bench, clinging, following)
    assert [int(picture.pixels[0, 0, 0]) for picture in found] == [57, 67]
    assert not following.closes
