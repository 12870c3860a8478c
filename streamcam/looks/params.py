"""ParamsBox: looks go in on any thread, ready-made Params come out with one read a frame."""

from __future__ import annotations

from collections.abc import Callable

from engines.api import Embedding, Params
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
    """

    def __init__(self, encode: Encode, wanted: Look | Schedule) -> None:
        """Starts at `wanted`, without a fade. Raises `EngineError` if it cannot be encoded."""
        self._encode = encode
        # Written by "infer" alone; a thread in `set` that reads the value before last is one frame
        # off.
        self._shown: Params | None = None
        # Replaced as a whole, so neither reading nor replacing it needs a lock:
        self._tour: Tour
        self.set(wanted)

    @property
    def look(self) -> str:
        """Name of the look that is on, or that it is moving to. From any thread."""
        return self._tour.look

    def set(self, wanted: Look | Schedule) -> None:
        """Begin the change with the next frame, from what is shown now; ends a schedule.

        Encodes on the calling thread; of two calls at once, the one that ends last counts.
        Raises `EngineError`; what runs then stays.
        """
        self._tour = Tour(_stops(wanted, self._encode), self._shown)

    def encode_with(self, encode: Encode) -> None:
        """An engine of the same model will read from now on; what is shown goes on."""
        self._encode = encode

    def read(self, now: float) -> Params:
        """The parameters for a frame at `now` seconds."""
        self._shown = shown = self._tour.at(now)
        return shown


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
