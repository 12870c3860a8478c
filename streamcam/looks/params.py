"""ParamsBox: looks and values go in on any thread, ready-made Params come out, one read a frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from threading import Lock
from typing import Any

from engines.api import Params
from streamcam.clock.tempo import Tempo
from streamcam.looks.aim import Aim, Encode, aimed, encoded
from streamcam.looks.course import Course
from streamcam.looks.look import Look, Schedule, Turn
from streamcam.looks.tour import Stop, Tour
from streamcam.looks.wave import Wave, Waves

SLEW = 0.25  # seconds


class ParamsBox:
    """What the next frame is restyled with. `read` by "infer" alone, the rest from any thread.

    While nothing changes `read` returns the identical object, which is how an engine knows
    that nothing changed. After `set` it moves to the new look over `Look.crossfade` seconds. A
    schedule goes on from look to look by itself. `change` changes the look that is on as it plays;
    the next look that comes, by hand or by schedule, comes with its own values. Waves swing the
    values of whatever look is on. Time is what the reader passes in: the clock, or a file's media
    time.

    tempo  what waves that count beats go by; replaced as a whole
    slew   seconds in which a number that jumps goes as far as it is usually played
    """

    def __init__(self, encode: Encode, wanted: Look | Schedule) -> None:
        """Starts at `wanted`, without a fade. `encode`: `Engine.encode` of the engine that will
        read. Raises `EngineError` if it cannot be encoded."""
        self.tempo = Tempo()
        self.slew = SLEW
        self._encode = encode
        self._lock = Lock()
        # Protected by _lock, except that `read` looks at `_news` first:
        self._news = False
        self._tour = tour = _tour(wanted, encode)
        self._changed: tuple[Stop, Aim] | None = None  # by hand, of the look of that stop
        self._waves: Mapping[str, Wave] = {}
        # Of the reader:
        self._touring, self._stop = tour, tour.stop
        self._course = Course(tour.stop.aim)
        self._swings = Waves()

    @property
    def look(self) -> str:
        """Name of the look that is on, or that it is moving to."""
        return self._tour.stop.aim.look.name

    @property
    def playing(self) -> Look:
        """That look with what was changed of it."""
        return self._aim.look

    @property
    def changed(self) -> dict[str, Any]:
        """The fields of it that were changed by hand."""
        own, now = self._tour.stop.aim.look, self.playing
        return {
            field.name: getattr(now, field.name)
            for field in fields(Look)
            if getattr(now, field.name) != getattr(own, field.name)
        }

    def set(self, wanted: Look | Schedule) -> None:
        """Begin the change with the next frame, from what is shown now; ends a schedule, and what
        was changed by hand.

        Encodes on the calling thread; of two calls at once, the one that ends last counts.
        Raises `EngineError`; what runs then stays.
        """
        tour = _tour(wanted, self._encode)
        with self._lock:
            self._tour, self._changed, self._news = tour, None, True

    def renew(self, wanted: Look | Schedule) -> None:
        """Take this for what is on, which says the same as what plays, or nearly: a schedule goes
        on where it is, and nothing was changed by hand any more. Encodes and raises as `set`."""
        tour = _tour(wanted, self._encode)
        with self._lock:
            tour.renews(self._tour)
            self._tour, self._changed, self._news = tour, None, True

    def change(self, fields: Mapping[str, Any]) -> None:
        """Change fields of the look that is on, from the next frame on. `strength` by hand counts,
        whatever `t_index` the look has. Encodes and raises as `set` does."""
        while True:
            stop, before = self._tour.stop, self._aim
            aim = self._changed_by(before.look, fields)
            with self._lock:
                if self._tour.stop is stop and self._aim is before:
                    self._changed, self._news = (stop, aim), True
                    return

    def prepare(self, fields: Mapping[str, Any]) -> None:
        """Encode what `change` would, which then takes no time. Raises what that does."""
        self._changed_by(self.playing, fields)

    def encoded(self, look: Look) -> Params:
        """Another look as the engine that reads this would read it. Raises as `set` does."""
        return encoded(look, self._encode)

    def swing(self, waves: Mapping[str, Wave]) -> None:
        """Swing these values from the next frame on, and no others. Keys: those of `SWINGS`, and
        "blend.1" and so on for the prompt's parts."""
        with self._lock:
            self._waves, self._news = dict(waves), True

    def encode_with(self, encode: Encode) -> None:
        """An engine of the same model will read from now on; what is shown goes on."""
        self._encode = encode

    def read(self, now: float) -> Params:
        """The parameters for a frame at `now` seconds."""
        if self._news:
            self._take(now)
        stop = self._touring.at(now)
        if stop is not self._stop:
            self._stop = stop
            self._course.cross_over(stop.aim, now)
        return self._course.at(now, self._swings, self.tempo)

    @property
    def _aim(self) -> Aim:
        changed, stop = self._changed, self._tour.stop
        return changed[1] if changed is not None and changed[0] is stop else stop.aim

    def _changed_by(self, look: Look, fields: Mapping[str, Any]) -> Aim:
        table = {"t_index": None} if "strength" in fields else {}
        return aimed(replace(look, **{**table, **fields}), self._encode)

    def _take(self, now: float) -> None:
        with self._lock:
            tour, changed, waves = self._tour, self._changed, self._waves
            self._news = False
        self._swings.use(waves, now, self.slew)
        if tour is not self._touring:
            before, self._touring = self._touring, tour
            if tour.goes_on_as(before):
                self._stop = tour.at(now)
                self._course.follow(self._stop.aim, now, self.slew)
            else:
                self._stop = tour.stop
                self._course.cross_over(tour.stop.aim, now)
        if changed is not None and changed[0] is self._stop:
            self._course.follow(changed[1], now, self.slew)


def _tour(wanted: Look | Schedule, encode: Encode) -> Tour:
    """One stop for a look. All are encoded; a look that comes again is the same object again."""
    turns = wanted.turns if isinstance(wanted, Schedule) else (Turn(wanted, 1.0),)
    aims = {look: aimed(look, encode) for look in dict.fromkeys(turn.look for turn in turns)}
    stops = {turn: Stop(aims[turn.look], turn.seconds) for turn in dict.fromkeys(turns)}
    return Tour([stops[turn] for turn in turns])
