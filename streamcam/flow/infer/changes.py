"""Changes: what changes with the next frame. Any thread asks for them, "infer" applies them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Lock

from engines.api import Engine
from streamcam.flow.infer.styling import Styling
from streamcam.frames.geometry import View
from streamcam.gate import Gate

OpenGate = Callable[[int], Gate]  # from an engine's `delay` to a gate for it

_TIMEOUT_SECONDS = 2.0  # seconds for an engine to be closed between two frames


@dataclass(frozen=True, slots=True)
class Due:
    """What is due now; None where nothing changes.

    following  another engine, with its parameters
    leaving    to be set once the engine has been closed
    """

    following: Styling | None
    view: View | None
    open_gate: OpenGate
    leaving: Event | None


class Changes:
    """Every method may be called from any thread.

    waiting  whether there are any; a hint, read without a lock
    """

    def __init__(self, open_gate: OpenGate) -> None:
        self.waiting = False
        self._lock = Lock()
        # Protected by _lock:
        self._closed = False
        self._open_gate = open_gate
        self._view: View | None = None
        self._following: Styling | None = None
        self._leaving: Event | None = None

    def swap(self, following: Styling) -> None:
        """Another engine. One that waited for the same is closed."""
        with self._lock:
            unused = following if self._closed else self._following
            if not self._closed:
                self._following, self.waiting = following, True
        if unused is not None:
            unused.engine.close()

    def use_gate(self, open_gate: OpenGate) -> None:
        """Another gate, for later engines as well."""
        with self._lock:
            self._open_gate, self.waiting = open_gate, True

    def use_view(self, view: View) -> None:
        """Another view, for later engines as well."""
        with self._lock:
            self._view, self.waiting = view, True

    def let_go(self) -> bool:
        """No engine. Waits until it is closed; False, and nothing changed, if no frame comes within
        two seconds or the engine does not return."""
        left = Event()
        with self._lock:
            self._leaving, self.waiting = left, True
        if left.wait(_TIMEOUT_SECONDS):
            return True
        with self._lock:
            if self._leaving is left:
                self._leaving = None
                return False
        return left.wait(_TIMEOUT_SECONDS)  # it is being closed just now

    def take(self) -> Due:
        """What is due; then nothing is."""
        with self._lock:
            due = Due(self._following, self._view, self._open_gate, self._leaving)
            self._following = self._view = self._leaving = None
            self.waiting = False
            return due

    def close(self) -> list[Engine]:
        """No more changes come. Returns the engine that was not taken, if any."""
        with self._lock:
            self._closed = True
            unused, self._following = self._following, None
        return [] if unused is None else [unused.engine]
