"""ParamsBox: looks go in on any thread, ready-made Params come out with one read a frame."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from engines.api import Embedding, Params
from streamcam.looks.fade import Fade
from streamcam.looks.look import Look, Schedule, Turn
from streamcam.looks.tour import Stop, Tour

Encode = Callable[[str], Embedding]


class ParamsBox:
    """What the next frame is restyled with. `set` from any thread, `read` from "infer" alone.

    While nothing changes `read` returns the identical object, which is how an engine knows
    that nothing changed. After `set` it moves to the new look over `Look.crossfade` seconds, as
    `Fade` does. A schedule goes on from look to look by itself. Time is what the reader passes in:
    the clock, or a file's media time.

    encode  `Engine.encode` of the engine that will read
    look    name of the look that is on, or that it is moving to
    tell    called with that name whenever it changes, on the thread of `set` or on "infer"
    """

    def __init__(
        self,
        encode: Encode,
        wanted: Look | Schedule,
        tell: Callable[[str], None] = lambda _name: None,
    ) -> None:
        """Starts at `wanted`, without a fade. Raises `EngineError` if it cannot be encoded."""
        self._encode = encode
        self._lock = Lock()
        # Protected by _lock:
        self._tell = tell
        self.look = ""
        # Written by the reader only; a writer that sees the value before last is one frame off.
        self._shown: Params | None = None
        # Replaced as a whole, so reading it needs no lock:
        self._course: Fade | Tour
        self.set(wanted)

    def set(self, wanted: Look | Schedule) -> None:
        """Begin the change with the next frame, from what is shown now; ends a schedule.

        Encodes on the calling thread; of two calls at once, the one that ends last counts.
        Raises `EngineError`; what runs then stays.
        """
        stops = _stops(wanted, self._encode)
        with self._lock:
            if len(stops) == 1:
                (stop,) = stops
                self._course = Fade(self._shown or stop.params, stop.params, stop.crossfade)
            else:
                self._course = Tour(stops, self._shown, self._moved)
            self._say(stops[0].name)

    def encode_with(self, encode: Encode) -> None:
        """An engine of the same model will read from now on; what is shown goes on."""
        self._encode = encode

    def read(self, now: float) -> Params:
        """The parameters for a frame at `now` seconds."""
        self._shown = shown = self._course.at(now)
        return shown

    def mute(self) -> None:
        """Tell of no look any more: another box takes over."""
        with self._lock:
            self._tell = lambda _name: None

    def _moved(self, tour: Tour, name: str) -> None:
        with self._lock:
            if tour is self._course:  # else `set` was faster
                self._say(name)

    def _say(self, name: str) -> None:
        self.look = name
        self._tell(name)


def encoded(look: Look, encode: Encode) -> Params:
    """The look as an engine reads it. Raises `EngineError`."""
    return Params(
        prompt=encode(look.prompt),
        negative=encode(look.negative_prompt),
        strength=look.strength,
        guidance_scale=look.guidance,
        delta=look.delta,
        seed=look.seed,
        t_index=look.t_index,
    )


def _stops(wanted: Look | Schedule, encode: Encode) -> list[Stop]:
    """One for a look. All are encoded, and a look that comes again is the same object again."""
    turns = wanted.turns if isinstance(wanted, Schedule) else (Turn(wanted, 1.0),)
    params = {look: encoded(look, encode) for look in dict.fromkeys(turn.look for turn in turns)}
    return [
        Stop(turn.look.name, params[turn.look], turn.look.crossfade, turn.seconds) for turn in turns
    ]
