import threading
import time

import numpy as np
import pytest
from serve_room import NegativeBatch

from engines.api import Params
from engines.errors import EngineFailed
from streamcam.serve.machine import Job, Machine, Result

LONG = 60


@pytest.fixture
def machine_of():
    made = []

    def make(batch):
        made.append(Machine(batch))
        return made[-1]

    yield make
    for one in made:
        one.close()


class Asked:
    """A frame full of `value`, offered; `result` waits for what became of it."""

    def __init__(self, machine, place, value):
        self._done = threading.Event()
        frame = np.full((144, 256, 3), value, np.uint8)
        params = Params(prompt=machine.encode("a"), negative=machine.encode(""))
        machine.offer(place, Job(frame, params, self._settle, time.perf_counter()))

    def _settle(self, result: Result):
        assert not self._done.is_set(), "answered twice"
        self._result = result
        self._done.set()

    @property
    def result(self):
        assert self._done.wait(LONG)
        return self._result


def wait_until(true):
    end = time.perf_counter() + LONG
    while not true():
        assert time.perf_counter() < end
        time.sleep(0.005)


def test_a_frame_becomes_its_picture(machine_of):
    machine = machine_of(NegativeBatch())
    result = Asked(machine, machine.enter(), 5).result
    assert (result.picture == 250).all()
    assert result.waited >= 0
    assert result.took >= 0


def test_what_is_there_when_the_device_is_free_shares_a_call(machine_of):
    batch = NegativeBatch(capacity=3)
    machine = machine_of(batch)
    places = [machine.enter() for _ in range(4)]
    batch.gate.clear()
    first = Asked(machine, places[0], 1)
    wait_until(lambda: places[0].busy)
    later = [Asked(machine, place, 10 + number) for number, place in enumerate(places)]
    batch.gate.set()
    assert (first.result.picture == 254).all()
    pictures = [int(one.result.picture[0, 0, 0]) for one in later]
    assert pictures == [245, 244, 243, 242]
    assert [len(call) for call in batch.calls] == [1, 3, 1]
    assert len({id(seat) for call in batch.calls[1:] for seat in call}) == 4


def test_a_newer_frame_takes_the_place_of_its_own_sessions_alone(machine_of):
    batch = NegativeBatch()
    machine = machine_of(batch)
    one, other = machine.enter(), machine.enter()
    batch.gate.clear()
    held = Asked(machine, other, 0)
    wait_until(lambda: other.busy)
    old, kept = Asked(machine, one, 1), Asked(machine, other, 2)
    new = Asked(machine, one, 3)
    assert old.result == Result(None)  # at once, while the device is busy
    batch.gate.set()
    assert (held.result.picture == 255).all()
    assert (new.result.picture == 252).all()
    assert (kept.result.picture == 253).all()


def test_who_asks_all_the_time_gets_no_more_turns_than_the_other(machine_of):
    batch = NegativeBatch(capacity=1)
    machine = machine_of(batch)
    greedy, modest = machine.enter(), machine.enter()
    for number in range(20):
        batch.gate.clear()
        before = len(batch.calls)
        asked = [Asked(machine, place, number) for place in (greedy, greedy, greedy, modest)]
        batch.gate.set()
        assert (asked[-1].result.picture == 255 - number).all()
        assert (asked[-2].result.picture == 255 - number).all()
        assert len(batch.calls) - before <= 4
    turns = [call[0] is greedy.seat for call in batch.calls]
    assert batch.calls.count([modest.seat]) == 20
    assert not any(turns[n : n + 3] == [True] * 3 for n in range(len(turns)))


def test_a_session_may_leave_while_its_frame_is_computed(machine_of):
    batch = NegativeBatch()
    machine = machine_of(batch)
    place = machine.enter()
    batch.gate.clear()
    computed = Asked(machine, place, 1)
    wait_until(lambda: place.busy)
    waiting = Asked(machine, place, 2)
    machine.leave(place)
    assert waiting.result == Result(None)
    assert not place.seat.closed
    batch.gate.set()
    assert (computed.result.picture == 254).all()
    wait_until(lambda: place.seat.closed)


def test_a_device_that_fails_says_so_and_goes_on(machine_of):
    batch = NegativeBatch()
    machine = machine_of(batch)
    place = machine.enter()
    batch.failure = EngineFailed("the cable was pulled")
    result = Asked(machine, place, 1).result
    assert result.picture is None
    assert result.failed == machine.failure == "the engine failed: EngineFailed"
    batch.failure = None
    assert Asked(machine, place, 1).result.picture is not None


def test_the_end_closes_the_batch(machine_of):
    batch = NegativeBatch()
    machine = machine_of(batch)
    machine.close()
    machine.close()
    assert batch.closed
