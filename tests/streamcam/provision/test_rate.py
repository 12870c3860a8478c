"""RateWatch: the largest size that holds the rate, found while the run goes on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.api import EngineSpec
from streamcam.provision.rate import Adjustable, Progress, RateWatch
from streamcam.provision.size import candidates

LOOK_SECONDS, BUILD_SECONDS = 0.1, 1.5


@dataclass
class Machine:
    """A run in simulated time: a source, an engine of which a frame takes a while, and a watch.

    ns      nanoseconds of the engine's time for a pixel, with all else that runs
    fixed   seconds of a frame that do not depend on its size
    spares  share of the frames that the gate spares
    """

    size: tuple[int, int] = (448, 256)
    ns: float = 300.0
    fixed: float = 0.0
    source_fps: float = 30.0
    spares: float = 0.0
    device: str = "CPU"
    automatic: bool = True
    crossing: bool = False

    def __post_init__(self):
        self.now, self.came, self.done, self.spared, self.worked = 0.0, 0.0, 0.0, 0.0, 0.0
        self.spec = EngineSpec(width=self.size[0], height=self.size[1], device=self.device)
        self.ready_at = None
        self.changes: list[tuple[float, tuple[int, int], str]] = []
        self.watch = RateWatch(
            30.0, self.progress, self.engine, self.resize, lambda: self.crossing, lambda: self.now
        )

    def frame_seconds(self):
        return self.fixed + self.size[0] * self.size[1] * self.ns * 1e-9

    def progress(self):
        return Progress(int(self.came), int(self.done), int(self.spared), self.worked)

    def engine(self):
        if not self.automatic or self.ready_at is not None:
            return None
        return Adjustable(self.spec, 16 / 9)

    def resize(self, size, why):
        self.changes.append((self.now, size, why))
        self.wanted_size, self.ready_at = size, self.now + BUILD_SECONDS
        return True

    def run(self, seconds):
        end = self.now + seconds
        while self.now < end:
            self.now += LOOK_SECONDS
            came = self.source_fps * LOOK_SECONDS
            spared = came * self.spares
            done = min(came - spared, LOOK_SECONDS / self.frame_seconds())
            self.came += came
            self.spared += spared
            self.done += done
            self.worked += done * self.frame_seconds()
            if self.ready_at is not None and self.now >= self.ready_at:
                self.size, self.ready_at = self.wanted_size, None
                self.spec = replace(self.spec, width=self.size[0], height=self.size[1])
            self.watch.look()
        return self

    @property
    def holds(self):
        return 1.0 / self.frame_seconds() >= 30.0


def test_a_size_that_is_too_slow_is_replaced_within_ten_seconds():
    machine = Machine(ns=400.0).run(10)  # 46 ms a frame, 33 are there
    assert machine.holds
    assert [size for _, size, _ in machine.changes] == [(320, 176)]
    assert machine.changes[0][2] == "448x256 reaches 22 of 30 fps: 320x176 takes its place"


def test_one_that_holds_the_rate_stays():
    assert Machine(ns=280.0).run(600).changes == []


def test_a_busy_moment_is_no_reason():
    machine = Machine(ns=200.0).run(5)
    machine.ns = 500.0
    machine.run(1.5)
    machine.ns = 200.0
    assert machine.run(15).changes == []


def test_room_for_a_larger_size_is_used_after_a_while_and_a_step_at_a_time():
    machine = Machine(size=(256, 144), ns=150.0).run(300)
    sizes = [size for _, size, _ in machine.changes]
    assert sizes == [(320, 176), (384, 224), (448, 256), (512, 288)]
    times = [at for at, _, _ in machine.changes]
    assert times[0] >= 20
    assert all(later - earlier >= 30 for earlier, later in pairwise(times))


def test_a_card_may_have_more_than_a_processor():
    machine = Machine(size=(512, 288), ns=20.0, device="cuda:0").run(300)
    assert machine.size == (768, 432)


def test_what_was_too_slow_is_left_alone_for_ever_longer():
    """A larger size takes more than its share: 1.5 times what was thought."""
    machine = Machine(size=(384, 224), ns=270.0)
    honest = machine.frame_seconds
    machine.frame_seconds = lambda: honest() * (1.5 if machine.size[0] > 400 else 0.7)
    machine.run(3600)
    grown = [at for at, size, _ in machine.changes if size == (448, 256)]
    waits = [later - earlier for earlier, later in pairwise(grown)]
    assert len(grown) <= 6
    assert waits == sorted(waits)
    assert machine.size == (384, 224) or machine.changes[-1][0] > 3590


@pytest.mark.parametrize(
    "case",
    [
        Machine(ns=900.0, automatic=False),
        Machine(ns=900.0, size=(256, 144), fixed=0.1),
        Machine(ns=900.0, source_fps=8.0),
        Machine(size=(256, 144), ns=20.0, spares=1.0),
    ],
    ids=["fixed size", "smallest already", "source is slower", "nothing moves"],
)
def test_the_size_stays(case):
    assert case.run(120).changes == []


def test_frames_that_the_gate_spares_are_held():
    assert Machine(ns=500.0, spares=0.6).run(60).changes == []


def test_a_change_waits_for_a_crossfade_but_not_for_waves_that_never_end():
    machine = Machine(ns=400.0, crossing=True).run(8)
    assert machine.changes == []
    machine.crossing = False
    machine.run(1)
    assert len(machine.changes) == 1
    waving = Machine(ns=400.0, crossing=True).run(20)
    assert 12 < waving.changes[0][0] < 15


@settings(max_examples=25)
@given(
    ns=st.floats(20, 3000),
    fixed=st.floats(0, 0.02),
    start=st.sampled_from(candidates()[:6]),
    spares=st.floats(0, 0.9),
)
def test_the_rate_is_held_if_any_size_holds_it_and_the_size_settles(ns, fixed, start, spares):
    machine = Machine(size=start, ns=ns, fixed=fixed, spares=spares).run(60)
    smallest = fixed + 256 * 144 * ns * 1e-9
    reached = min(30.0, 1 / machine.frame_seconds() / (1 - spares))
    if smallest * 30.0 < 1.0:
        assert reached >= 0.95 * 30.0
    machine.run(540)
    calm = len(machine.changes)
    machine.run(600)
    assert len(machine.changes) == calm
