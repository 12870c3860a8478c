"""Watchdog: sees to it that viewers get a picture. The thread "watchdog" of a live run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event
from time import perf_counter

from streamcam.flow.curtain import card
from streamcam.frames import Frame
from streamcam.frames.geometry import Size
from streamcam.pipeline.watchdog.rescue import Rescue
from streamcam.pipeline.workers import Workers

_POLL_SECONDS = 0.1  # seconds between looks
_SLEPT_SECONDS = 1.0  # between looks; after longer ones the machine has slept
_HELD_SECONDS = 3.0  # seconds for which the last picture stays before a card says why
# A frame that takes so many times its usual time is never coming back, within these bounds.
_TIMES_USUAL = 50
_SHORTEST_SECONDS, _LONGEST_SECONDS = 2.0, 10.0
_FIRST_FRAME_SECONDS = 60.0  # an engine's first frame, in which drivers load and compile
# Seconds without a word from a build after which its device is asked, again and again: reading and
# compiling may take minutes, and only the device knows whether it is still at work.
_SILENT_SECONDS = 20.0

_SLOW = "The picture engine does not answer"


class Watchdog:
    """Leaves an engine that hangs and a build that waits for a device which does, and shows a card
    where no picture comes for a known reason."""

    def __init__(
        self,
        workers: Workers,
        looks: Sequence[Callable[[], None]],
        rescue: Rescue,
        size: Size,
        stop: Event,
    ) -> None:
        """
        looks    are called on each round
        rescue   leaves what hangs and asks for another
        size     of the outputs, which the cards have
        """
        self._infer, self._post = workers.infer, workers.post
        self._looks = looks
        self._notices = workers.stats.notices
        self._rescue = rescue
        self._size = size
        self._stop = stop
        self._said = ""
        self._rebuild = workers.rebuild
        self._patience = _SILENT_SECONDS  # seconds of silence until a build is looked after

    def work(self) -> None:
        """Until `stop` is set."""
        before = perf_counter()
        while not self._stop.wait(_POLL_SECONDS):
            now = perf_counter()
            if now - before < _SLEPT_SECONDS:
                self._look_after_engine()
            before = now
            self._look_after_picture(now)
            self._look_after_build()
            for look in self._looks:
                look()

    def _look_after_engine(self) -> None:
        taken, usual = self._infer.busy()
        limit = (
            _FIRST_FRAME_SECONDS
            if usual is None
            else min(max(_TIMES_USUAL * usual, _SHORTEST_SECONDS), _LONGEST_SECONDS)
        )
        if taken > limit:
            often = "" if usual is None else f"; usually it takes {usual * 1e3:.0f} ms"
            self._rescue.leave_engine(f"it has not returned for {taken:.1f} s{often}")

    def _look_after_build(self) -> None:
        silent = self._rebuild.silent()
        if silent < _SILENT_SECONDS:
            self._patience = _SILENT_SECONDS
        elif silent > self._patience:
            self._patience = silent + _SILENT_SECONDS
            self._rescue.look_after_build()

    def _look_after_picture(self, now: float) -> None:
        if now - self._post.shown_at < _HELD_SECONDS:
            self._said = ""
            return
        reason = self._notices.for_viewers() or (
            _SLOW if self._infer.busy()[0] > _HELD_SECONDS else ""
        )
        if reason and reason != self._said:
            self._said = reason
            self._post.show(Frame(card(self._size, reason), 0, now, repeat=True))
