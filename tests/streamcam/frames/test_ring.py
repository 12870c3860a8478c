"""Ring: never blocks its writer, the newest items win, every loss is counted."""

from contextlib import suppress
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamcam.frames import Ring, RingClosed

Actions = st.lists(st.one_of(st.integers(), st.just("get")), max_size=60)


@settings(deadline=None)
@given(capacity=st.integers(1, 5), actions=Actions)
def test_it_behaves_as_a_list_cut_to_its_newest_items(capacity, actions):
    ring, model, dropped = Ring(capacity), [], 0
    for action in actions:
        if action == "get":
            assert ring.get(timeout=0) == (model.pop(0) if model else None)
        else:
            ring.put(action)
            model.append(action)
            dropped += len(model) > capacity
            model = model[-capacity:]
        assert ring.dropped == dropped
    ring.close()
    assert [ring.get() for _ in model] == model
    with pytest.raises(RingClosed):
        ring.get()


@settings(deadline=None)
@given(capacity=st.integers(1, 3), count=st.integers(0, 200))
def test_between_threads_order_holds_and_nothing_is_lost_uncounted(capacity, count):
    ring, got = Ring(capacity), []

    def read():
        with suppress(RingClosed):
            while True:
                got.append(ring.get())

    reader = Thread(target=read)
    reader.start()
    for number in range(count):
        ring.put(number)
    ring.close()
    reader.join(5)
    assert not reader.is_alive()
    assert got == sorted(set(got))
    assert len(got) + ring.dropped == count
    assert got[-1:] == [count - 1][:count]


def test_closing_wakes_a_waiting_reader_and_refuses_writers():
    ring, ends = Ring(), []

    def read():
        try:
            ring.get()
        except RingClosed:
            ends.append("closed")

    reader = Thread(target=read)
    reader.start()
    ring.close()
    ring.close()
    reader.join(5)
    assert ends == ["closed"]
    with pytest.raises(RingClosed):
        ring.put(1)


def test_get_gives_up_after_its_timeout():
    assert Ring().get(timeout=0.001) is None


def test_a_ring_without_room_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        Ring(0)
