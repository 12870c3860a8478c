"""FramePool: a buffer that anybody still shows is never handed out again."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streamcam.frames import Frame, FramePool, Ring


def test_a_dropped_buffer_is_used_again():
    pool = FramePool(4, 2)
    first = pool.take()
    address = first.ctypes.data
    assert first.shape == (2, 4, 3)
    assert first.dtype == np.uint8
    del first
    assert pool.take().ctypes.data == address
    assert len(pool) == 1


def test_a_new_buffer_is_black_and_a_used_one_keeps_what_was_left():
    pool = FramePool(4, 2)
    buffer = pool.take()
    assert not buffer.any()
    buffer[:] = 9
    del buffer
    assert (pool.take() == 9).all()


def test_every_kind_of_reference_keeps_a_buffer():
    pool = FramePool(4, 2)
    ring: Ring[Frame] = Ring()
    ring.put(Frame(pool.take(), 0, 0.0))
    view = pool.take()[1:, :2]
    kept_in_a_closure = (lambda held: lambda: held)(pool.take())
    assert len(pool) == 3
    pool.take()
    assert len(pool) == 4, "all three were in use"
    del view, kept_in_a_closure
    ring.get()
    for _ in range(5):
        pool.take()
    assert len(pool) == 4


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 7)), max_size=60))
def test_held_buffers_are_distinct_and_the_pool_is_no_larger_than_needed(steps):
    pool, held, most = FramePool(2, 2), [], 0
    for takes, which in steps:
        if takes:
            held.append(pool.take())
        elif held:
            held.pop(which % len(held))
        most = max(most, len(held))
        assert len({buffer.ctypes.data for buffer in held}) == len(held)
        assert len(pool) == most
