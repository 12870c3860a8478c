"""Ring: the bounded hand-off between two threads in which the newest item wins."""

from __future__ import annotations

from collections import deque
from threading import Condition
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")
In = TypeVar("In", contravariant=True)


class RingClosed(Exception):
    """The queue is closed and, for a reader, empty. Ends a stage; not an error."""


class Queue(Protocol[T]):
    """What Ring and Channel share. All methods may be called from any thread."""

    dropped: int

    def put(self, item: T) -> None:
        """Hand over an item; raises `RingClosed` once closed."""
        ...

    def get(self, timeout: float | None = None) -> T | None:
        """The oldest item; None after `timeout` seconds; `RingClosed` once closed and empty."""
        ...

    def close(self) -> None:
        """No more puts; wakes every thread that waits. Items inside can still be read."""
        ...


class Inlet(Protocol[In]):
    """Where items go in. All methods may be called from any thread."""

    def put(self, item: In) -> None:
        """Hand over an item; raises `RingClosed` once closed."""
        ...

    def close(self) -> None:
        """No more puts; wakes every thread that waits."""
        ...


class Bounded(Generic[T]):
    """A queue of so many items at most: what Ring and Channel have alike, all but `put`."""

    dropped = 0

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"a queue holds at least one item, not {capacity}")
        self.capacity = capacity
        self._changed = Condition()
        # Protected by _changed:
        self._items: deque[T] = deque()
        self._closed = False

    def get(self, timeout: float | None = None) -> T | None:
        """The oldest item, or None after `timeout` seconds (None waits for ever)."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._items or self._closed, timeout):
                return None
            if not self._items:
                raise RingClosed
            return self._items.popleft()

    def close(self) -> None:
        """Refuse new items and wake all waiting threads. May be called twice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Ring(Bounded[T]):
    """Never blocks its writer: when it is full, the oldest item is dropped.

    With the default capacity of 1 a reader always gets the newest item. `dropped` counts
    what readers never saw.
    """

    def __init__(self, capacity: int = 1) -> None:
        super().__init__(capacity)

    def put(self, item: T) -> None:
        """Hand over an item without waiting. Raises `RingClosed`."""
        with self._changed:
            if self._closed:
                raise RingClosed
            if len(self._items) == self.capacity:
                self._items.popleft()
                self.dropped += 1
            self._items.append(item)
            self._changed.notify()
