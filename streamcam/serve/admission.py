"""Admission: who gets a seat, and at what rate, by what the device was measured to manage."""

from __future__ import annotations

from dataclasses import dataclass

_USED = 0.9  # of the measured rate is given away
RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Refused:
    """`why` is for people; ask again after `retry_after` seconds."""

    why: str
    retry_after: float


class Admission:
    """Seats and frames a second, given away and taken back. Used by one thread."""

    def __init__(self, rate: float, seats: int) -> None:
        """`rate`: frames a second that the device manages with that many `seats`."""
        self.rate = rate
        self.seats = seats
        self._granted: dict[object, float] = {}

    @property
    def sessions(self) -> int:
        """How many have a seat."""
        return len(self._granted)

    def admit(self, session: object, wanted: float, least: float) -> float | Refused:
        """Frames a second for `session`: those that it wants, or what is left if that is at least
        `least`. A session that is alone gets what there is, however little."""
        left = self.rate * _USED - sum(self._granted.values())
        if self.sessions >= self.seats:
            return Refused(f"all {self.seats} seats are taken", RETRY_SECONDS)
        if left < least and self._granted:
            had = max(left, 0.0)
            why = f"there are {had:.0f} frames a second left, and {least:g} are wanted at least"
            return Refused(why, RETRY_SECONDS)
        granted = min(wanted, max(left, 1.0))
        self._granted[session] = granted
        return granted

    def release(self, session: object) -> None:
        """Its seat and its rate are free again. May be called twice."""
        self._granted.pop(session, None)


class Pace:
    """Whether frames come no faster than the rate that was granted, but for `burst` of them."""

    def __init__(self, rate: float, now: float, *, slack: float = 1.25, burst: int = 4) -> None:
        self._rate = rate * slack
        self._burst = float(burst)
        self._left, self._at = self._burst, now

    def allows(self, now: float) -> bool:
        """A frame has come."""
        self._left = min(self._left + (now - self._at) * self._rate, self._burst)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
