"""Shared: what the engines of a process read alike is loaded once, while one of them runs."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from engines.model import Model

Value = TypeVar("Value")


class Shared(Generic[Value]):
    """Values by key. They live for as long as an engine that took one. From any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        # Protected by _lock:
        self._held: WeakValueDictionary[Hashable, Value] = WeakValueDictionary()
        self._loading: dict[Hashable, Lock] = {}

    def take(self, key: Hashable, load: Callable[[], Value]) -> Value:
        """The value of `key`, from `load` if no engine holds it. Raises what `load` raises.

        A thread waits while another one loads the same key. Threads with other keys do not wait:
        a device that hangs would stop them all.
        """
        with self._lock:
            loading = self._loading.setdefault(key, Lock())
        with loading:
            with self._lock:
                found = self._held.get(key)
            if found is None:
                found = load()
                with self._lock:
                    self._held[key] = found
            return found

    def holds(self, key: Hashable) -> bool:
        """Whether `take` would load nothing."""
        with self._lock:
            return key in self._held


def weights_key(model: Model) -> Hashable:
    """Of everything that shapes a model's weights in this process: which files, of which size and
    date, and the LoRAs fused into them or beside them. Reads no weights, unlike `graphs_key`."""
    return (
        model.family,
        model.schedule.prediction_type,
        tuple(_state(file) for file in model.files()),
        tuple(sorted((_state(file), scale) for file, scale in model.loras)),
        tuple(_state(file) for file in model.live_loras),
    )


def _state(file: Path) -> tuple[str, int, int]:
    """A file that has gone has none: reading it says so."""
    try:
        state = file.stat()
    except OSError:
        return (str(file), 0, 0)
    return (str(file), state.st_size, state.st_mtime_ns)
