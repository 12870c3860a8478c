"""ParamsBox: looks go in on any thread, ready-made Params come out with one read a frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from engines.api import Embedding, Params
from engines.prompts import crossfade
from streamcam.infer.look import Look


class ParamsBox:
    """What the next frame is restyled with. `set` from any thread, `read` from "infer" alone.

    While nothing changes `read` returns the identical object, which is how an engine knows
    that nothing changed. After `set` it moves to the new look over `Look.crossfade` seconds:
    embeddings on the sphere, numbers in a straight line; seed and t_index, which have nothing
    in between, at once. Time is what the reader passes in: the clock, or a file's media time.

    encode  `Engine.encode` of the engine that will read
    """

    def __init__(self, encode: Callable[[str], Embedding], look: Look) -> None:
        """Starts at `look`, without a fade. Raises `EngineError` if it cannot be encoded."""
        self._encode = encode
        # Replaced as a whole, so reading it needs no lock:
        params = encoded(look, encode)
        self._fade = Fade(params, params, 0.0)
        # Written by the reader only; a writer that sees the value before last is one frame off.
        self._shown = params

    def set(self, look: Look) -> None:
        """Begin the change to `look` with the next frame, from what is shown now.

        Encodes on the calling thread; of two calls at once, the one that ends last counts.
        Raises `EngineError`; the running look then stays.
        """
        end = encoded(look, self._encode)
        self._fade = Fade(self._shown, end, look.crossfade)

    def read(self, now: float) -> Params:
        """The parameters for a frame at `now` seconds."""
        self._shown = shown = self._fade.at(now)
        return shown


def encoded(look: Look, encode: Callable[[str], Embedding]) -> Params:
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


@dataclass(slots=True)
class Fade:
    """A way from one set of parameters to another, which begins when it is first asked."""

    start: Params
    end: Params
    seconds: float
    _began: float | None = field(default=None, init=False)

    def at(self, now: float) -> Params:
        """The point reached at `now`; `end` itself once the time is over."""
        if self._began is None:
            self._began = now
        gone = max(now - self._began, 0.0)
        if gone >= self.seconds:
            return self.end
        start, end, share = self.start, self.end, gone / self.seconds
        return Params(
            prompt=_arc(start.prompt, end.prompt, share),
            negative=_arc(start.negative, end.negative, share),
            strength=_line(start.strength, end.strength, share),
            guidance_scale=_line(start.guidance_scale, end.guidance_scale, share),
            delta=_line(start.delta, end.delta, share),
            seed=end.seed,
            t_index=end.t_index,
        )


def _arc(start: Embedding, end: Embedding, share: float) -> Embedding:
    """Equal ends stay one object: `Engine.encode` gives the same one for the same prompt."""
    return end if start is end else crossfade(start, end, share)


def _line(start: float, end: float, share: float) -> float:
    point = start + (end - start) * share
    return min(max(point, min(start, end)), max(start, end))  # rounding must not leave the range
