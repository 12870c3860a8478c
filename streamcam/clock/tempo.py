"""Tempo: beats on the clock, as a function of time."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

SLOWEST, FASTEST = 20.0, 400.0  # beats per minute


@dataclass(frozen=True, slots=True)
class Tempo:
    """Beat 0 is at `zero`, `time.perf_counter()` seconds; `bpm` beats a minute, for ever.

    bar  beats in one; beat 0 begins a bar
    """

    bpm: float = 120.0
    zero: float = 0.0
    bar: int = 4

    def beat_at(self, now: float) -> float:
        """How many beats have gone by since beat 0, with the part of this one."""
        return (now - self.zero) * self.bpm / 60.0

    def time_of(self, beat: float) -> float:
        """When that beat is."""
        return self.zero + beat * 60.0 / self.bpm

    def following(self, now: float, beats: float) -> float:
        """When the next beat that is a multiple of `beats` is, at `now` or later."""
        number = ceil(
            self.beat_at(now) / beats - 1e-9
        )  # rounding must not skip the one that is due
        return self.time_of(number * beats)

    def at_pace(self, bpm: float, now: float, bar: int) -> Tempo:
        """Faster or slower from `now` on: the beat of the moment stays what it is."""
        return Tempo(bpm, now - self.beat_at(now) * 60.0 / bpm, bar)
