"""For things that another thread does soon."""

from threading import Event


def wait_until(condition):
    """Until `condition()`, for at most ten seconds."""
    waiting = Event()
    for _ in range(2000):
        if condition():
            return
        waiting.wait(0.005)
    raise AssertionError("it never happened")
