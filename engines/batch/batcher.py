"""Batcher: which frames go into the next call of a device that many cameras want.

It knows no engine: a group is whatever has a capacity (a `Batch`, one for each size and model), a
seat is any key, a frame any object. Each seat has at most one frame that waits, its newest, so no
queue grows, and a camera that sends too much pushes out nobody's frames but its own.

Seats take turns: who was served goes to the end of its group's row, and a call takes those with a
frame from its front on. So a seat that waits is served within ⌈seats / capacity⌉ calls of its
group, and seats that always have a frame get as many calls as each other. (In order of arrival, of
three seats on a capacity of two, the one that sends first after each call would get every call, and
the others half of them.) Of the groups the one goes first whose frames have waited longest.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from math import inf
from threading import Condition
from typing import Generic, NamedTuple, Protocol, TypeVar

Frame = TypeVar("Frame")


class Group(Protocol):
    """Seats that can share a call; equal only to itself."""

    @property
    def capacity(self) -> int:
        """The most seats in one call."""
        ...

    def __hash__(self) -> int: ...


class Waiting(NamedTuple, Generic[Frame]):
    """A seat's newest frame; `since` when a frame of the seat waits, in seconds."""

    frame: Frame
    since: float


class Call(NamedTuple, Generic[Frame]):
    """What one call of a group computes: seats, each once, and their frames."""

    group: Group
    frames: list[tuple[Hashable, Frame]]


class Row(Generic[Frame]):
    """The seats of one group that sent a frame and have not left, in the order of their turns; each
    with what waits of it."""

    def __init__(self) -> None:
        self.seats: OrderedDict[Hashable, Waiting[Frame] | None] = OrderedDict()

    def waiting(self) -> list[tuple[Hashable, Waiting[Frame]]]:
        return [(seat, one) for seat, one in self.seats.items() if one is not None]

    def since(self) -> float:
        """Since when a frame waits; infinity if none does."""
        return min((one.since for _, one in self.waiting()), default=inf)

    def take(self, count: int) -> list[tuple[Hashable, Frame]]:
        """The next seats' frames."""
        taken = self.waiting()[:count]
        for seat, _ in taken:
            self.seats[seat] = None
            self.seats.move_to_end(seat)
        return [(seat, one.frame) for seat, one in taken]


class Turns(Generic[Frame]):
    """Whose turn it is, at times that the caller names. Used by one thread; never waits.

    patience  seconds that a frame may wait for others to share its call, while the device is free
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._rows: dict[Group, Row[Frame]] = {}

    def put(self, group: Group, seat: Hashable, frame: Frame, now: float) -> Frame | None:
        """The seat's newest frame; returns the one that it replaces, which nobody will see."""
        seats = self._rows.setdefault(group, Row()).seats
        before = seats.get(seat)
        seats[seat] = Waiting(frame, now if before is None else before.since)
        return None if before is None else before.frame

    def leave(self, group: Group, seat: Hashable) -> Frame | None:
        """No more frames of this seat; returns one that waited."""
        row = self._rows.get(group)
        if row is None:
            return None
        waited = row.seats.pop(seat, None)
        if not row.seats:
            del self._rows[group]
        return None if waited is None else waited.frame

    def ready_at(self) -> float:
        """When there will be a call without another frame; infinity if nothing waits."""
        return min((self._ready_at(group) for group in self._rows), default=inf)

    def take(self, now: float) -> Call[Frame] | None:
        """The next call; None before `ready_at`."""
        ready = [group for group in self._rows if self._ready_at(group) <= now]
        if not ready:
            return None
        group = min(ready, key=lambda one: self._rows[one].since())
        return Call(group, self._rows[group].take(group.capacity))

    def _ready_at(self, group: Group) -> float:
        """At once for a call that no frame could still join."""
        row = self._rows[group]
        waiting = len(row.waiting())
        if waiting and waiting >= min(group.capacity, len(row.seats)):
            return -inf
        return row.since() + self._patience


class Batcher(Generic[Frame]):
    """`Turns` for threads: cameras `put`, and one thread a device takes a call when that is free.

    patience  seconds that a frame waits for others at most, where the device could begin with it:
              until every seat of its group has one, or the call is full. 0 never waits
    """

    def __init__(self, patience: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        if not 0.0 <= patience < inf:
            raise ValueError(f"patience {patience} must be a number of seconds, 0 or more.")
        self._clock = clock
        self._changed = Condition()
        # Protected by _changed:
        self._turns: Turns[Frame] = Turns(patience)
        self._closed = False

    def put(self, group: Group, seat: Hashable, frame: Frame) -> Frame | None:
        """From any thread; never waits for the device. Returns what will not be computed: the
        seat's frame that waited, or `frame` itself once the batcher is closed."""
        with self._changed:
            if self._closed:
                return frame
            dropped = self._turns.put(group, seat, frame, self._clock())
            self._changed.notify_all()
            return dropped

    def leave(self, group: Group, seat: Hashable) -> Frame | None:
        """From any thread, when a camera goes. Returns its frame that waited, if one did."""
        with self._changed:
            dropped = self._turns.leave(group, seat)
            self._changed.notify_all()  # nobody waits for its frames any more
            return dropped

    def take(self, timeout: float) -> Call[Frame] | None:
        """For a device that is free: the next call, once there is one. None after `timeout` seconds
        without one, and once the batcher is closed."""
        with self._changed:
            until = self._clock() + timeout
            while not self._closed:
                now = self._clock()
                call = self._turns.take(now)
                if call is not None or now >= until:
                    return call
                self._changed.wait(min(until, self._turns.ready_at()) - now)
            return None

    def close(self) -> None:
        """Wakes who waits in `take`; frames that wait are let go. May be called twice."""
        with self._changed:
            self._closed = True
            self._turns = Turns(0.0)
            self._changed.notify_all()
