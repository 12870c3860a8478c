"""Channel: the Ring's blocking sibling, for files, where no frame may be lost."""

from __future__ import annotations

from typing import TypeVar

from streamcam.frames.ring import Bounded, RingClosed

T = TypeVar("T")


class Channel(Bounded[T]):
    """Its writer waits for room. Drops nothing; same methods as Ring."""

    def __init__(self, capacity: int = 4) -> None:
        super().__init__(capacity)

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
            item = super().get(timeout)
            self._changed.notify_all()  # there is room for the writer
            return item
