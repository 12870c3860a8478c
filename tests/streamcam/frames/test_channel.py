"""Channel: the writer waits, nothing is lost."""

from contextlib import suppress
from threading import Event, Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamcam.frames import Channel, RingClosed


def _until_closed(queue):
    """All that can be read from it."""
    with suppress(RingClosed):
        while True:
            yield queue.get()


@settings(deadline=None)
@given(capacity=st.integers(1, 4), items=st.lists(st.integers(), max_size=100))
def test_everything_arrives_once_and_in_order(capacity, items):
    channel = Channel(capacity)

    def write():
        for item in items:
            channel.put(item)
        channel.close()

    writer = Thread(target=write)
    writer.start()
    got = list(_until_closed(channel))
    writer.join(5)
    assert got == items
    assert channel.dropped == 0


def test_a_full_channel_holds_its_writer_until_there_is_room():
    channel, passed = Channel(1), Event()
    channel.put(1)

    def write():
        channel.put(2)
        passed.set()

    writer = Thread(target=write)
    writer.start()
    assert not passed.wait(0.05)
    assert channel.get() == 1
    assert passed.wait(5)
    assert channel.get() == 2
    writer.join(5)


def test_closing_wakes_a_waiting_writer_and_keeps_what_is_inside():
    channel, ends = Channel(1), []
    channel.put(1)

    def write():
        try:
            channel.put(2)
        except RingClosed:
            ends.append("closed")

    writer = Thread(target=write)
    writer.start()
    channel.close()
    writer.join(5)
    assert ends == ["closed"]
    assert channel.get() == 1
    with pytest.raises(RingClosed):
        channel.get()


def test_get_gives_up_after_its_timeout():
    assert Channel().get(timeout=0.001) is None


def test_a_channel_without_room_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        Channel(0)
