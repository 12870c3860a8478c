"""Backoff: ever longer pauses before what was lost is tried again."""

from __future__ import annotations

_FIRST_SECONDS = 0.5
_LONGEST_SECONDS = 5.0


class Backoff:
    """0.5, 1, 2, 4, 5, 5 … seconds. Used by one thread."""

    def __init__(self) -> None:
        self._pause = _FIRST_SECONDS

    def next(self) -> float:
        """Seconds to wait now."""
        pause = self._pause
        self._pause = min(2 * pause, _LONGEST_SECONDS)
        return pause

    def restart(self) -> None:
        """It was had again: the next pause is a first one."""
        self._pause = _FIRST_SECONDS
