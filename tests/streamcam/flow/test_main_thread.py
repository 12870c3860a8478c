"""MainThread: calls are made where they must be, and nobody waits for ever."""

from threading import Thread, current_thread

import pytest

from streamcam.flow.main_thread import MainThread
from streamcam.frames import RingClosed


def _calling(main, function):
    """A thread that has `function` called, and what it got back."""
    got = []

    def call():
        try:
            main.call(function)
            got.append("done")
        except (ValueError, RingClosed) as error:
            got.append(error)

    thread = Thread(target=call, name="other")
    thread.start()
    return thread, got


def test_a_call_runs_on_the_thread_that_serves():
    main, seen = MainThread(), []
    thread, got = _calling(main, lambda: seen.append(current_thread()))
    while not got:
        main.serve(0.01)
    thread.join(5)
    assert seen == [current_thread()]
    assert got == ["done"]


def test_an_error_goes_back_to_the_caller():
    main, error = MainThread(), ValueError("no window")

    def fail():
        raise error

    thread, got = _calling(main, fail)
    while not got:
        main.serve(0.01)
    thread.join(5)
    assert got == [error]


def test_closing_refuses_calls_that_wait_and_those_that_come():
    main = MainThread()
    thread, got = _calling(main, lambda: None)
    while main._calls.empty():
        pass
    main.close()
    thread.join(5)
    assert isinstance(got[0], RingClosed)
    with pytest.raises(RingClosed):
        main.call(lambda: None)


def test_serving_for_no_time_makes_the_calls_that_wait():
    main, seen = MainThread(), []
    thread, _ = _calling(main, lambda: seen.append(1))
    while main._calls.empty():
        pass
    main.serve(0.0)
    thread.join(5)
    assert seen == [1]
