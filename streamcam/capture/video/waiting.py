"""Waiting for a network or another program, on threads that can be left behind.

FFmpeg cannot be interrupted: it returns when something has come, or after its own time limits.
The thread that reads a source must see a stop within half a second.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from threading import Event, Thread
from typing import TypeVar

from streamcam.capture.video.faults import NO_ANSWER
from streamcam.capture.video.film import Film, Shot
from streamcam.clock.pace import LONGEST_WAIT, Clock
from streamcam.errors import SourceLost
from streamcam.frames import Channel, RingClosed
from streamcam.stage import Closable

_POLL_SECONDS = 0.1  # seconds between looks at the stop
_CLOSE_SECONDS = 0.2  # that the end of a reader is waited for, so that a device is free again
# A stream that sends ten pictures a second and then none for two seconds is broken. A camera that
# sends one picture in three seconds is not. So the limit follows the longest silence seen.
_SHORTEST_SILENCE_SECONDS = 2.0
_LONGEST_SILENCE_SECONDS = 20.0  # also that of films, HLS and DASH, which come in pieces of seconds
_FIRST_SILENCE_SECONDS = 10.0  # before this many pictures have shown what is usual:
_USUAL_COUNT = 10
_TOLERANCE = 3  # times the longest silence seen


Resource = TypeVar("Resource", bound=Closable)


def opened_aside(open_it: Callable[[], Resource], stop: Event) -> Resource:
    """What `open_it` returns or raises; `SourceLost` at once if `stop` is set meanwhile.

    What it still opens after that is closed again.
    """
    opening: Future[Resource] = Future()

    def work() -> None:
        try:
            opening.set_result(open_it())
        except BaseException as error:  # noqa: BLE001  # raised by the thread that waits
            opening.set_exception(error)

    Thread(target=work, name="video opening", daemon=True).start()
    while not (stop.is_set() or wait([opening], _POLL_SECONDS).done):
        pass
    if stop.is_set():
        opening.add_done_callback(_close_again)
        raise SourceLost("stopped while it was opened")
    return opening.result()


def _close_again(opening: Future[Resource]) -> None:
    if opening.exception() is None:
        opening.result().close()


class Silence:
    """How long a stream may send nothing until it counts as broken.

    limit  seconds, now
    """

    def __init__(self, clock: Clock, *, live: bool) -> None:
        self.limit = _FIRST_SILENCE_SECONDS if live else _LONGEST_SILENCE_SECONDS
        self._clock = clock
        self._live = live
        self._heard = 0
        self._longest = 0.0
        self._since = clock.now()

    def heard(self) -> None:
        """A picture has come."""
        self._heard += 1
        self._longest = max(self._longest, self._clock.now() - self._since)
        if self._live and self._heard >= _USUAL_COUNT:
            allowed = max(_SHORTEST_SILENCE_SECONDS, _TOLERANCE * self._longest)
            self.limit = min(allowed, _LONGEST_SILENCE_SECONDS)

    def begin(self) -> None:
        """The reader waits from now on."""
        self._since = self._clock.now()

    @property
    def over(self) -> bool:
        """Whether it has been silent for too long."""
        return self._clock.now() - self._since > self.limit


class ReadAhead:
    """Plays a film on a thread of its own, one picture ahead. Used by one thread."""

    def __init__(self, film: Film, clock: Clock) -> None:
        self._film = film
        self._patient = film.decoder.pipe  # another program may rest as long as it likes
        self._silence = Silence(clock, live=film.decoder.live)
        self._shots: Channel[Shot | Exception] = Channel(1)
        self._listening = False
        self._over: Exception | None = None
        self._thread = Thread(target=self._work, name="video reader", daemon=True)
        self._thread.start()

    def next(self) -> Shot | None:
        """The next picture; None if there is none within half a second. Raises as `Film.next`,
        and `SourceLost` after a silence that is too long."""
        if self._over is not None:
            raise self._over
        if not self._listening:
            self._listening = True
            self._silence.begin()
        shot = self._shots.get(LONGEST_WAIT)
        if shot is None:
            if self._silence.over and not self._patient:
                raise SourceLost(f"{self._film.decoder.name}: {NO_ANSWER}")
            return None
        if isinstance(shot, Exception):
            self._over = shot
            raise shot
        self._listening = False
        self._silence.heard()
        return shot

    def close(self) -> None:
        """End the thread, which releases what it reads as soon as FFmpeg lets it. May be called
        twice."""
        self._shots.close()
        self._film.decoder.give_up()
        self._thread.join(_CLOSE_SECONDS)

    def _work(self) -> None:
        try:
            while True:
                self._shots.put(self._film.next())
        except RingClosed:
            pass
        except Exception as error:  # noqa: BLE001  # raised by `next`
            with suppress(RingClosed):
                self._shots.put(error)
        finally:
            self._film.close()
