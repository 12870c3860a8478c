"""Fork: each of two readers gets the item."""

import pytest

from streamcam.frames import Fork, Ring, RingClosed


def test_both_readers_get_the_same_item_and_wait_for_nobody():
    one, other = Ring(), Ring()
    fork = Fork(one, other)
    for item in ("a", "b"):
        fork.put(item)
    assert one.get(0) == "b"
    fork.put("c")
    assert one.get(0) == "c"
    assert other.get(0) == "c"


def test_closing_closes_both():
    one, other = Ring(), Ring()
    fork = Fork(one, other)
    fork.close()
    fork.close()
    for ring in (one, other):
        with pytest.raises(RingClosed):
            ring.get(0)
    with pytest.raises(RingClosed):
        fork.put("a")


@pytest.mark.parametrize("closed", [0, 1])
def test_one_that_is_closed_refuses(closed):
    rings = [Ring(), Ring()]
    rings[closed].close()
    with pytest.raises(RingClosed):
        Fork(*rings).put("a")
