"""AudioDelay: how late sound has to be to fit the picture, kept still."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median

_READINGS = 5  # of which the median counts; fewer than _FEWEST are none
_FEWEST = 3
# Every move is one more change in somebody's mixer, and below this nobody sees a reason for it: a
# frame of 30 Hz is 33 ms, and people notice sound that is 45 ms early (ITU-R BT.1359).
_DEAD_BAND_MS = 20.0
# What the first seconds gave, while everything was still warming up, is put right later.
_LONG, _LONG_DEAD_BAND_MS = 30, 8.0
_WORTH_A_WORD_MS = 40.0


@dataclass(frozen=True, slots=True)
class Move:
    """milliseconds  the delay from now on
    worth_a_word  whether people should hear of it: the first, and when it is 40 ms off the last
    that they heard of"""

    milliseconds: int
    worth_a_word: bool


class AudioDelay:
    """Follows the latency of what moves in the picture, as lips do. Used by one thread.

    `extra` milliseconds are added, for what no program can measure: the camera's own delay.
    """

    def __init__(self, extra: float = 0.0) -> None:
        self._extra = extra
        self._readings: deque[float] = deque(maxlen=_LONG)  # since the last move
        self._now: float | None = None
        self._said: float | None = None

    def measured(self, milliseconds: float) -> Move | None:
        """One more reading of the latency's median; how the delay moves, if it does.

        0, which `Stats` gives before there is a picture, is no reading.
        """
        if milliseconds <= 0:
            return None
        self._readings.append(milliseconds)
        wanted = self._wanted()
        if wanted is None:
            return None
        self._now = wanted
        self._readings.clear()
        worth = self._said is None or abs(wanted - self._said) > _WORTH_A_WORD_MS
        if worth:
            self._said = wanted
        return Move(round(wanted), worth)

    def _wanted(self) -> float | None:
        """Where to move; None: stay."""
        readings, now = list(self._readings), self._now
        if len(readings) < _FEWEST:
            return None
        lately = median(readings[-_READINGS:]) + self._extra
        if now is None or abs(lately - now) > _DEAD_BAND_MS:
            return lately
        for_long = median(readings) + self._extra
        settled = len(readings) == _LONG and abs(for_long - now) > _LONG_DEAD_BAND_MS
        return for_long if settled else None
