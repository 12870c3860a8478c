"""Fork: one writer, two readers, each of which gets the item."""

from __future__ import annotations

from typing import Generic, TypeVar

from streamcam.frames.ring import Inlet

T = TypeVar("T")


class Fork(Generic[T]):
    """Puts what it is given into two queues. Nothing is copied: both readers get the same item."""

    def __init__(self, first: Inlet[T], second: Inlet[T]) -> None:
        self._first, self._second = first, second

    def put(self, item: T) -> None:
        """Hand over an item, to the second queue first: its reader is the one that keeps time.
        Raises `RingClosed` once one of them is closed."""
        self._second.put(item)
        self._first.put(item)

    def close(self) -> None:
        """Close both. May be called twice."""
        self._second.close()
        self._first.close()
