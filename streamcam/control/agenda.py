"""Agenda: acts that have not happened yet, and when they are due."""

from __future__ import annotations

from heapq import heappop, heappush

from streamcam.control.acts import LOOK, PRESET, Act

_MOST_LATER = 1024  # acts that wait for a time that was said
_LONGEST = 3600.0  # seconds that one may wait


class Agenda:
    """Bounded: of acts of one place that are to happen at once, or on the beat, the newest counts,
    and a look takes the place of what was asked of the look before it. Times are
    `time.perf_counter()` seconds. Not thread-safe.
    """

    def __init__(self) -> None:
        self._now: dict[str, Act] = {}  # the newest last
        self._on_beat: dict[str, tuple[float, Act]] = {}
        self._later: list[tuple[float, int, Act]] = []  # a heap
        self._number = 0

    def add(self, act: Act) -> None:
        """To be done at once."""
        if act.kind in (LOOK, PRESET):
            self._now = {place: one for place, one in self._now.items() if not one.of_look}
        self._now.pop(act.place, None)
        self._now[act.place] = act

    def add_on_beat(self, act: Act, due: float) -> None:
        """To be done then, unless a newer one of its place comes before."""
        if act.kind in (LOOK, PRESET):
            kept = {place: one for place, one in self._on_beat.items() if not one[1].of_look}
            self._on_beat = kept
        self._on_beat.pop(act.place, None)
        self._on_beat[act.place] = due, act

    def add_later(self, act: Act, due: float, now: float) -> bool:
        """To be done then, whatever else is asked for. False if there is no room for it."""
        if len(self._later) >= _MOST_LATER or due - now > _LONGEST:
            return False
        self._number += 1
        heappush(self._later, (due, self._number, act))
        return True

    def take(self, now: float) -> list[Act]:
        """What is due by now, in the order of its time."""
        found: list[Act] = []
        while self._later and self._later[0][0] <= now:
            found.append(heappop(self._later)[2])
        on_beat = [act for due, act in self._on_beat.values() if due <= now]
        self._on_beat = {act.place: (due, act) for due, act in self._on_beat.values() if due > now}
        found += [*on_beat, *self._now.values()]
        self._now = {}
        return found

    def seconds_left(self, now: float) -> float | None:
        """Until the next is due; None if nothing waits."""
        if self._now:
            return 0.0
        times = [due for due, _ in self._on_beat.values()]
        times += [self._later[0][0]] if self._later else []
        return max(min(times) - now, 0.0) if times else None

    def clear(self) -> None:
        """Nothing waits any more."""
        self._now, self._on_beat, self._later = {}, {}, []
