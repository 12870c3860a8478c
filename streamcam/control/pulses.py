"""Pulses: a tempo from things that happen at an even pace, as taps and MIDI's clock do."""

from __future__ import annotations

from collections import deque

from streamcam.clock.tempo import FASTEST, SLOWEST, Tempo

_OTHER_PACE = 0.35  # of the pace so far by which a pulse may be off before it is another pace
_SURE = 4  # pulses from which on that is judged


class Pulses:
    """Fits a straight line to the times of the last ones, so that what one is late by hardly
    counts. Used by one thread.

    count  since the first, or since `restart`
    """

    def __init__(self, per_beat: int, kept: int, pause: float) -> None:
        """`kept`: how many the line is fitted to. `pause`: seconds after which it begins anew."""
        self.count = 0
        self._per_beat = per_beat
        self._pause = pause
        self._times: deque[float] = deque(maxlen=kept)

    def restart(self) -> None:
        """The next one is beat 0."""
        self.count = 0
        self._times.clear()

    def add(self, now: float, tempo: Tempo) -> Tempo | None:
        """One more, at `now`. The tempo by now, of `tempo`'s bar; None as long as there is none."""
        times = self._times
        if times and not self._goes_on(now):
            times.clear()
            self.count = -(-self.count // self._per_beat) * self._per_beat  # on a beat again
        times.append(now)
        self.count += 1
        if len(times) < 2:
            return None
        zero, pace = _line(times, self.count - len(times))
        if not SLOWEST <= 60.0 / (pace * self._per_beat) <= FASTEST:
            return None
        return Tempo(60.0 / (pace * self._per_beat), zero, tempo.bar)

    def _goes_on(self, now: float) -> bool:
        times = self._times
        since = now - times[-1]
        if not 0.0 < since < self._pause:
            return False
        if len(times) < _SURE:
            return True
        pace = (times[-1] - times[0]) / (len(times) - 1)
        return self._per_beat > 1 or abs(since - pace) < _OTHER_PACE * pace


def _line(times: deque[float], first: int) -> tuple[float, float]:
    """When pulse 0 was, and the seconds from one to the next: least squares."""
    count = len(times)
    middle = (count - 1) / 2.0
    mean = sum(times) / count
    spread = sum((number - middle) ** 2 for number in range(count))
    pace = sum((n - middle) * (time - mean) for n, time in enumerate(times)) / spread
    return mean - (middle + first) * pace, max(pace, 1e-9)
