"""Priority: who goes first is told to the system, and a refusal changes nothing."""

import ctypes
import os
import sys
import threading
from types import SimpleNamespace

import pytest

from streamcam import priority
from streamcam.priority import giving_way, giving_way_afterwards, keeping_time, mark_maker

LOWEST = 19  # there is no lower one, and the tests may run there already
linux = pytest.mark.skipif(sys.platform != "linux", reason="each thread has a nice value there")


def own_nice():
    return os.getpriority(os.PRIO_PROCESS, 0)


def on_a_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


@linux
def test_a_thread_that_gives_way_takes_those_that_it_starts_along():
    before, found = own_nice(), []

    def work():
        found.append(own_nice())
        on_a_thread(lambda: found.append(own_nice()))

    on_a_thread(giving_way(work))
    assert found == [min(before + 5, LOWEST)] * 2
    assert own_nice() == before
    on_a_thread(lambda: found.append(own_nice()))
    assert found[-1] == before, "threads that others start are as they were"


@linux
def test_a_thread_that_keeps_time_is_raised_where_that_is_allowed(monkeypatch):
    asked = []
    monkeypatch.setattr(os, "setpriority", lambda *call: asked.append(call))
    numbers = []
    on_a_thread(keeping_time(lambda: numbers.append(threading.get_native_id())))
    assert asked == [(os.PRIO_PROCESS, numbers[0], own_nice() - 5)]


@linux
@pytest.mark.parametrize("wrap", [giving_way, giving_way_afterwards, keeping_time])
def test_a_refusal_changes_nothing(monkeypatch, wrap):
    def refused(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "setpriority", refused)
    done = []
    on_a_thread(wrap(lambda: done.append(own_nice())))
    assert done == [own_nice()]


@pytest.fixture
def staying():
    """Call on a thread: it starts another one that stays until the end. All their nice values."""
    ended, threads, numbers = threading.Event(), [], []

    def stay():
        numbers.append(threading.get_native_id())
        ended.wait()

    def start():
        there = len(numbers)
        threads.append(threading.Thread(target=stay))
        threads[-1].start()
        while len(numbers) == there:
            ended.wait(0.001)
        return [os.getpriority(os.PRIO_PROCESS, number) for number in numbers]

    yield start, lambda: [os.getpriority(os.PRIO_PROCESS, number) for number in numbers]
    ended.set()
    for thread in threads:
        thread.join()


@linux
def test_what_the_first_engine_leaves_behind_gives_way_once_it_is_made(staying):
    """Its pool, on whichever of the threads that make it that was started, and nobody else."""
    start, now = staying
    before, meanwhile = own_nice(), []
    lowered = min(before + 5, LOWEST)
    start()  # on this thread

    def ahead():
        mark_maker()
        start()

    def make():
        meanwhile.extend(start())

    on_a_thread(ahead)
    on_a_thread(giving_way_afterwards(make))
    assert meanwhile == [before] * 3, "everybody waits for it"
    assert now() == [before, lowered, lowered]
    on_a_thread(giving_way_afterwards(lambda: None))
    assert now() == [before, lowered, lowered], "once is enough"
    assert own_nice() == before


@linux
def test_an_engine_that_fails_lowers_what_it_left(staying):
    start, now = staying
    before = own_nice()

    def fail():
        start()
        raise RuntimeError("no such model")

    def caught():
        with pytest.raises(RuntimeError):
            giving_way_afterwards(fail)()

    on_a_thread(caught)
    assert now() == [min(before + 5, LOWEST)]


def test_windows_raises_a_thread_and_lowers_none(monkeypatch):
    calls = []

    class Kernel:
        GetCurrentThread = staticmethod(lambda: 0xFFFFFFFFFFFFFFFE)

        @staticmethod
        def SetThreadPriority(handle, level):
            calls.append((handle.value, level))

    monkeypatch.setattr(priority.sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=Kernel()), raising=False)
    keeping_time(lambda: None)()
    assert calls == [(0xFFFFFFFFFFFFFFFE, 1)], "the handle keeps its 64 bits"
    giving_way(lambda: None)()
    giving_way_afterwards(lambda: None)()
    assert len(calls) == 1


def test_macos_raises_a_threads_class_and_lowers_none(monkeypatch):
    calls = []
    library = SimpleNamespace(pthread_set_qos_class_self_np=lambda *call: calls.append(call))
    monkeypatch.setattr(priority.sys, "platform", "darwin")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    keeping_time(lambda: None)()
    giving_way(lambda: None)()
    giving_way_afterwards(lambda: None)()
    assert calls == [(0x21, 0)]
