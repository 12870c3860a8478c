"""Thinning: of a film that is rendered, no more pictures a second than are wanted."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Protocol

from streamcam.capture.video.film import Shot

_SLACK = 1e-6  # of a picture: times are rounded


class Shots(Protocol):
    """Where pictures come from, one by one."""

    def next(self) -> Shot | None:
        """The next picture; None: not yet. `EOFError` at the end."""
        ...

    def close(self) -> None:
        """Release it. May be called twice."""
        ...


class Thinned:
    """Hands on the first picture of every period; the others leave it their time and sound.

    rate  exact pictures a second, if those of the film all last equally long
    """

    def __init__(self, shots: Shots, most: float, rate: Fraction | None) -> None:
        """`most`: pictures a second. `rate`: of the film, as `rate`."""
        self.rate = None if rate is None else Fraction(most).limit_denominator(1001)
        self._shots = shots
        self._most = most
        self._held: Shot | None = None
        self._period = 0  # number of the one that it is in

    def next(self) -> Shot | None:
        """The next picture; None: not yet. See `Film.next`."""
        while True:
            held = self._held
            try:
                shot = self._shots.next()
            except EOFError:
                if held is None:
                    raise
                self._held = None
                return held
            if shot is None:
                return None
            period = int(shot.time * self._most + _SLACK)
            if held is not None and period <= self._period:
                self._held = _longer(held, shot)
                continue
            self._period = period
            # On the grid, where there is one: else a picture would miss its tick now and then.
            on_grid = shot.time if self.rate is None else float(period / self.rate)
            self._held = replace(shot, time=on_grid)
            if held is not None:
                return held

    def close(self) -> None:
        """Release the film. May be called twice."""
        self._shots.close()


def _longer(shot: Shot, by: Shot) -> Shot:
    known = shot.duration is not None and by.duration is not None
    lasts = (shot.duration or 0.0) + (by.duration or 0.0) if known else None
    return replace(shot, duration=lasts, sound=shot.sound + by.sound)
