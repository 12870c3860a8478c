"""Waves: what swings a value around where it was set. Functions of time, and of nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import floor, pi, sin

from streamcam.clock.tempo import Tempo
from streamcam.looks.line import Line


@dataclass(frozen=True, slots=True)
class Wave:
    """A swing.

    shape   one of SHAPES
    depth   how far the value leaves its centre, each way, in the value's own unit
    period  seconds, or beats, of one round
    beats   whether `period` counts beats
    phase   0 … 1: where in its round it is at second, or beat, 0
    """

    shape: str
    depth: float
    period: float
    beats: bool = False
    phase: float = 0.0


OFF = "off"
WAVE_EXAMPLES = (OFF, "sine 0.2 4 beats", "walk 0.1 3 seconds")
WAVE_PATTERN = (
    r"^\s*off\s*$|^\s*(sine|triangle|square|walk)\s+(\d*\.?\d+)\s+(\d*\.?\d+)\s*(beats?|seconds?|s)"
    r"(?:\s+(\d*\.?\d+))?\s*$"
)
_DEEPEST, _SHORTEST, _LONGEST = 20.0, 0.05, 3600.0


def wave_of(text: str) -> Wave | None:
    """The wave that `text` says: shape, depth, period, and perhaps the phase; None for "off".

    Raises `ValueError` that says what is expected.
    """
    found = re.match(WAVE_PATTERN, text, re.ASCII)
    if found is None:
        raise ValueError(
            "must be a shape (sine, triangle, square, walk), a depth and a period, like "
            + " or ".join(f'"{example}"' for example in WAVE_EXAMPLES[1:])
            + f', or "{OFF}".'
        )
    if text.strip() == OFF:
        return None
    shape, depth, period, unit, phase = found.groups()
    wave = Wave(shape, float(depth), float(period), unit.startswith("beat"), float(phase or 0.0))
    if wave.depth > _DEEPEST or not _SHORTEST <= wave.period <= _LONGEST or wave.phase > 1.0:
        raise ValueError(
            f"its depth must be from 0 to {_DEEPEST:g}, its period from {_SHORTEST:g} to "
            f"{_LONGEST:g}, its phase from 0 to 1."
        )
    return wave


def sine(turns: float) -> float:
    """Begins at 0 and goes up."""
    return sin(2.0 * pi * (turns % 1.0))


def triangle(turns: float) -> float:
    """Like the sine, in straight lines."""
    part = turns % 1.0
    return 4.0 * part if part < 0.25 else 2.0 - 4.0 * part if part < 0.75 else 4.0 * part - 4.0


def square(turns: float) -> float:
    """1 for the first half of a round, then −1."""
    return 1.0 if turns % 1.0 < 0.5 else -1.0


def walk(turns: float) -> float:
    """A random point for each round, and a smooth way from one to the next (value noise).

    It looks like a random walk and never leaves −1 … 1; the same time gives the same value.
    """
    number = floor(turns)
    part = turns - number
    smooth = part * part * (3.0 - 2.0 * part)
    first, second = _random(number), _random(number + 1)
    return first + (second - first) * smooth


SHAPES: dict[str, Callable[[float], float]] = {
    "sine": sine,
    "triangle": triangle,
    "square": square,
    "walk": walk,
}


def _random(number: int) -> float:
    """−1 … 1, evenly: the mixing function of SplitMix64 (Steele 2014)."""
    mask = 2**64 - 1
    bits = (number * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) & mask
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & mask
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & mask
    return (bits ^ (bits >> 31)) / 2**63 - 1.0


class Waves:
    """Those that run, by the key of the value that they swing. Used by the reader alone.

    A wave comes and goes over `slew` seconds, so that none begins or ends with a jump.
    """

    def __init__(self) -> None:
        self._running: dict[str, tuple[Wave, Line]] = {}

    @property
    def still(self) -> bool:
        """Nothing swings."""
        return not self._running

    def use(self, wanted: Mapping[str, Wave], now: float, slew: float) -> None:
        """Swing these from now on."""
        for key, wave in wanted.items():
            before = self._running.get(key)
            depth = Line(0.0) if before is None else before[1]
            if depth.end != wave.depth:
                depth.go(wave.depth, now, slew)
            self._running[key] = wave, depth
        for key in self._running.keys() - wanted.keys():
            _, depth = self._running[key]
            if not depth.value:  # no value had that key
                del self._running[key]
            elif depth.end:
                depth.go(0.0, now, slew)

    def offset(self, key: str, now: float, tempo: Tempo) -> float:
        """What a value of that key is to be more than it was set to."""
        found = self._running.get(key)
        if found is None:
            return 0.0
        wave, depth = found
        at = depth.at(now)
        if not at and depth.settled and not depth.end:
            del self._running[key]
            return 0.0
        time = tempo.beat_at(now) if wave.beats else now
        return at * SHAPES[wave.shape](time / wave.period + wave.phase)
