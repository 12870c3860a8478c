"""Rest: the engine sleeps while no output is watched, whatever the policy says."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from streamcam.frames import Pixels
from streamcam.frames.geometry import Box
from streamcam.gate import Gate
from streamcam.notices import Notice, NoticeBoard

_ASLEEP = "no program shows the picture: the engine rests until one does"


class Rest:
    """`gate`, closed once `watched` has been False for `seconds`. See Gate.

    The next frame after a viewer comes is restyled.
    """

    def __init__(
        self,
        gate: Gate,
        watched: Callable[[], bool],
        seconds: float,
        notices: NoticeBoard,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """`notices` get that of "rest" while the engine sleeps."""
        self._gate = gate
        self._watched = watched
        self._seconds = seconds
        self._notices = notices
        self._clock = clock
        self._alone_since: float | None = None
        self._asleep = False

    @property
    def changed(self) -> Box | None:
        return self._gate.changed

    def passes(self, pixels: Pixels) -> bool:
        if self._watched():
            self._alone_since = None
            if self._asleep:
                self._asleep = False
                self._gate.wake()
                self._notices.settle("rest")
        elif self._alone_since is None:
            self._alone_since = self._clock()
        elif not self._asleep and self._clock() - self._alone_since >= self._seconds:
            self._asleep = True
            self._notices.put(Notice("rest", _ASLEEP))
        return not self._asleep and self._gate.passes(pixels)

    def wake(self) -> None:
        """Does not end the rest: a look that is not shown can wait."""
        self._gate.wake()
