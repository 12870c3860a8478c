"""Room: memory for an engine that does not fit beside the one that runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

from engines.memory import GIB, memory_of
from streamcam.pipeline.workers import Workers
from streamcam.provision.repair import Repair


class Room:
    """Used by the threads "rebuild" and main, as it asks the device."""

    def __init__(
        self,
        workers: Workers,
        say: Callable[[str], None],
        repair: tuple[AbstractContextManager[object], Repair],
        device: str,
    ) -> None:
        """`repair` is told when no engine runs; with the lock that protects it.
        `device`: where the first engine runs."""
        self._infer, self._stats = workers.infer, workers.stats
        self._say = say
        self._lock, self._repair = repair
        self._taken = ""
        self._stats.ask("memory", lambda: self._taken)
        self.look_at(device)

    def make(self) -> bool:
        """Close the running engine; the last picture stays. Waits for the end of a frame. False,
        and nothing done, if it does not end."""
        if not self._infer.let_go():
            return False
        with self._lock:
            self._repair.left()
        self._say("engine: the running one was closed, since the next does not fit beside it")
        return True

    def look_at(self, device: str) -> None:
        """Let the status say how much of a device's memory all programs have taken by now."""
        with suppress(RuntimeError):  # of a device that failed: others say so
            memory = memory_of(device)
            taken = memory and f"{(memory.total - memory.free) / GIB:.1f}/{memory.total / GIB:.1f}"
            self._taken = f"{taken} GiB" if taken else ""
