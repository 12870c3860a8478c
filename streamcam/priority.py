"""Priority: what keeps time goes before the engine when the processor is short.

An engine fills every core for most of a period. Its pool of threads and those that encode, send
and show pictures then share the cores evenly, and a tick that waits for its share is late. So the
pool gives way, as far as the system lets a program without privileges say so. The thread "infer"
does not: it computes nothing, and all other threads would wait for Python's lock, which it holds
while it waits for a core.

Linux    a thread may lower its own priority (its "nice" value), and the threads that it starts
         inherit that: an engine's pool is lowered with the thread that builds it. The first engine
         is made before there is anything to give way to, while everybody waits for it, so its pool
         is lowered once it is there. Raising needs a right that most users lack (RLIMIT_NICE);
         where they have it, it is used.
Windows  a thread may raise its own priority; threads that it starts do not inherit it.
macOS    a thread may raise its own quality of service class.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_GIVES_WAY = 5  # nice: a third of the weight of an ordinary thread; see tests/benchmarks/README.md
_SET_NAME, _MARK = 15, b"engine"  # PR_SET_NAME of prctl; at most 15 bytes
_KEEPS_TIME = -5  # nice: three times that weight
_ABOVE_NORMAL = 1  # THREAD_PRIORITY_ABOVE_NORMAL
_USER_INTERACTIVE = 0x21  # QOS_CLASS_USER_INTERACTIVE


def usable_cores() -> int:
    """How many this program may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def giving_way(work: Callable[[], None]) -> Callable[[], None]:
    """`work` for a thread that goes, with all threads that it starts, after those that keep time.
    Only on Linux; see above. It cannot be undone, so the thread must end with `work`.
    """

    def run() -> None:
        if sys.platform == "linux":
            _renice(_GIVES_WAY)
        work()

    return run


def giving_way_afterwards(work: Callable[[], None]) -> Callable[[], None]:
    """`work` for a thread that makes what is waited for: the threads that it leaves behind give way
    once it is done, and it does."""

    def run() -> None:
        if sys.platform != "linux":
            work()
            return
        mark_maker()
        try:
            work()
        finally:
            _lower_marked()

    return run


def mark_maker() -> None:
    """This thread, and those that it starts, are lowered at the end of `giving_way_afterwards`,
    whichever thread ends with that: they inherit its name in the system."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_NAME, _MARK, 0, 0, 0)


def keeping_time(work: Callable[[], None]) -> Callable[[], None]:
    """`work` for a thread that goes before the engine's, where the system allows it."""

    def run() -> None:
        _raise_own()
        work()

    return run


def _lower_marked() -> None:
    """To one value, however often: below what the user started the program with."""
    with suppress(OSError):  # no such folder, or not allowed: all threads are then equal
        lowered = os.getpriority(os.PRIO_PROCESS, os.getpid()) + _GIVES_WAY
        for task in Path("/proc/self/task").iterdir():
            with suppress(OSError):  # it has ended
                if (task / "comm").read_bytes().strip() == _MARK:
                    os.setpriority(os.PRIO_PROCESS, int(task.name), lowered)


def _raise_own() -> None:
    if sys.platform == "linux":
        _renice(_KEEPS_TIME)
    elif sys.platform == "win32":
        kernel = ctypes.windll.kernel32
        kernel.GetCurrentThread.restype = ctypes.c_void_p
        kernel.SetThreadPriority(ctypes.c_void_p(kernel.GetCurrentThread()), _ABOVE_NORMAL)
    elif sys.platform == "darwin":
        ctypes.CDLL(None).pthread_set_qos_class_self_np(_USER_INTERACTIVE, 0)


def _renice(steps: int) -> None:
    """Relative to what the thread has, which is what the user started the program with."""
    with suppress(OSError):  # not allowed here: all threads are then equal
        now = os.getpriority(os.PRIO_PROCESS, 0)  # of this thread, on Linux
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), now + steps)
