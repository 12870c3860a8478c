"""The batcher: who is served when, over any order of events, without an engine."""

from dataclasses import dataclass
from itertools import chain
from math import ceil
from threading import Event, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.batch.batcher import Batcher, Turns


@dataclass(frozen=True, eq=False)
class Cameras:
    """A group that computes nothing."""

    capacity: int


PATIENCE = 0.5
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 1), st.integers(0, 4)),
        st.tuples(st.just("leave"), st.integers(0, 1), st.integers(0, 4)),
        st.tuples(st.just("take"), st.sampled_from([0.0, 0.1, 0.6]), st.just(0)),
    ),
    max_size=60,
)


@given(capacities=st.tuples(st.integers(1, 3), st.integers(1, 3)), events=EVENTS)
def test_every_call_is_of_one_group_and_has_the_newest_frame_of_each_seat(capacities, events):
    """A model of what waits, kept beside: since when, what is newest, how often it was passed."""
    groups = [Cameras(capacity) for capacity in capacities]
    turns, now = Turns(PATIENCE), 0.0
    members = {group: set() for group in groups}
    waiting = {}  # (group, seat) → newest frame, since, calls of the group meanwhile
    for number, (kind, what, seat) in enumerate(events):
        if kind == "put":
            group = groups[what]
            before = waiting.get((group, seat))
            dropped = turns.put(group, seat, number, now)
            assert dropped == (before and before[0]), "only the seat's own older frame is dropped"
            members[group].add(seat)
            waiting[group, seat] = [number, *(before[1:] if before else (now, 0))]
        elif kind == "leave":
            group = groups[what]
            gone = waiting.pop((group, seat), None)
            assert turns.leave(group, seat) == (gone and gone[0])
            members[group].discard(seat)
        else:
            now += what
            ready = turns.ready_at() <= now
            call = turns.take(now)
            assert ready == (call is not None)
            if call is None:
                assert all(now - since < PATIENCE for _, since, _ in waiting.values())
                continue
            seats = [one for one, _ in call.frames]
            assert 1 <= len(seats) <= call.group.capacity
            assert len(set(seats)) == len(seats), "a seat is at most once in a call"
            first = min(state[1] for (group, _), state in waiting.items() if group is call.group)
            overdue = [since for _, since, _ in waiting.values() if now - since >= PATIENCE]
            assert first <= min(overdue, default=first), "who waited longest goes first"
            for one, frame in call.frames:
                newest, _, passed = waiting.pop((call.group, one))
                assert frame == newest
                assert passed < ceil(5 / call.group.capacity), "nobody starves"
            for (group, _), state in waiting.items():
                state[2] += group is call.group


@given(seats=st.integers(1, 12), capacity=st.integers(1, 5), eager=st.integers(1, 4))
def test_seats_that_always_have_a_frame_are_served_alike(seats, capacity, eager):
    """However often the first camera sends: it has as many turns as the others, at most one more
    or less."""
    group, turns = Cameras(capacity), Turns(0.0)
    served = dict.fromkeys(range(seats), 0)
    for call in range(40):
        for seat in range(seats):
            for again in range(eager if seat == 0 else 1):
                turns.put(group, seat, (call, again), float(call))
        for seat, _ in turns.take(float(call)).frames:
            served[seat] += 1
    assert max(served.values()) - min(served.values()) <= 1


def test_a_call_waits_for_nobody_who_cannot_come():
    group, turns = Cameras(4), Turns(PATIENCE)
    turns.put(group, "a", 1, 0.0)
    turns.put(group, "b", 2, 0.0)
    assert turns.take(0.0).frames == [("a", 1), ("b", 2)], "all that there are"
    turns.put(group, "a", 3, 1.0)
    assert turns.take(1.0) is None, "b may still come"
    turns.leave(group, "b")
    assert turns.take(1.0).frames == [("a", 3)]


def test_a_full_call_of_one_group_goes_while_another_waits_for_company():
    small, large = Cameras(1), Cameras(2)
    turns = Turns(PATIENCE)
    for seat in "ab":
        turns.put(large, seat, 0, 0.0)
    turns.take(0.0)
    turns.put(large, "a", 1, 1.0)
    turns.put(small, "c", 2, 1.1)
    assert turns.take(1.1).group is small
    assert turns.take(1.2) is None
    assert turns.ready_at() == pytest.approx(1.0 + PATIENCE)
    assert turns.take(1.0 + PATIENCE).frames == [("a", 1)]


def test_the_device_wakes_for_a_frame_and_for_the_end():
    group, batcher = Cameras(2), Batcher()
    sent = {seat: [(seat, number) for number in range(50)] for seat in range(3)}
    dropped, shown, last = [], [], {frames[-1] for frames in sent.values()}
    all_came = Event()

    def compute():
        while call := batcher.take(60.0):
            shown.extend(frame for _, frame in call.frames)
            if last <= set(shown):
                all_came.set()

    def send(seat):
        dropped.extend(old for one in sent[seat] if (old := batcher.put(group, seat, one)))

    device = Thread(target=compute)
    cameras = [Thread(target=send, args=(seat,)) for seat in sent]
    for thread in (device, *cameras):
        thread.start()
    assert all_came.wait(60.0), "the newest of each"
    batcher.close()
    for thread in (device, *cameras):
        thread.join()
    assert sorted(shown + dropped) == sorted(chain(*sent.values())), "shown, or said to be dropped"
    assert batcher.put(group, 0, "late") == "late"
    assert batcher.take(60.0) is None


def test_a_device_without_frames_is_told_so():
    batcher = Batcher(patience=0.01)
    assert batcher.take(0.0) is None
    assert batcher.leave(Cameras(1), "never came") is None
    group = Cameras(2)
    for seat in "ab":
        batcher.put(group, seat, seat)
    batcher.take(0.0)
    batcher.put(group, "a", "alone")
    assert batcher.take(60.0).frames == [("a", "alone")], "after its patience"
    batcher.close()
    batcher.close()


@pytest.mark.parametrize("patience", [-1.0, float("inf"), float("nan")])
def test_a_patience_that_is_no_time_is_refused(patience):
    with pytest.raises(ValueError, match="patience"):
        Batcher(patience)
