"""Channel: the Ring's blocking sibling, for files, where no frame may be lost."""

from __future__ import annotations

from collections import deque
from threading import Condition
from typing import Generic, TypeVar

from streamcam.frames.ring import RingClosed

T = TypeVar("T")


class Channel(Generic[T]):
    """Bounded queue whose writer waits for room. Drops nothing; same methods as Ring."""

    dropped = 0

    def __init__(self, capacity: int = 4) -> None:
        if capacity < 1:
            raise ValueError(f"a channel holds at least one item, not {capacity}")
        self.capacity = capacity
        self._changed = Condition()
        # Protected by _changed:
        self._items: deque[T] = deque()
        self._closed = False

    def put(self, item: T) -> None:
        """Hand over an item, waiting for room. Raises `RingClosed`, also while waiting."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) < self.capacity or self._closed)
            if self._closed:
                raise RingClosed
            self._items.append(item)
            self._changed.notify_all()

    def get(self, timeout: float | None = None) -> T | None:
        """The oldest item, or None after `timeout` seconds (None waits for ever)."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._items or self._closed, timeout):
                return None
            if not self._items:
                raise RingClosed
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Refuse new items and wake all waiting threads. May be called twice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
