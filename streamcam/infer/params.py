"""ParamsBox: looks go in on any thread, ready-made Params come out with one read a frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from engines.api import Params
from streamcam.infer.look import Look

Embedding = NDArray[np.float32]

# Below this sine the two directions are (anti)parallel and the spherical path is undefined.
_DEGENERATE = 1e-3


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
        self._writing = Lock()
        # Replaced as a whole, so reading it needs no lock:
        self._fade = Fade.standing(encoded(look, encode))
        # Written by the reader only; a writer that sees the value before last is one frame off.
        self._shown = self._fade.end

    def set(self, look: Look) -> None:
        """Begin the change to `look` with the next frame, from what is shown now.

        Encodes on the calling thread. Raises `EngineError`; the running look then stays.
        """
        end = encoded(look, self._encode)
        with self._writing:
            self._fade = Fade.between(self._shown, end, look.crossfade)

    def read(self, now: float) -> Params:
        """The parameters for a frame at `now` seconds."""
        self._shown = shown = self._fade.at(now)
        return shown


def encoded(look: Look, encode: Callable[[str], Embedding]) -> Params:
    """The look as an engine reads it. Raises `EngineError`."""
    return Params(
        prompt_TD=encode(look.prompt),
        negative_TD=encode(look.negative_prompt),
        strength=look.strength,
        guidance_scale=look.guidance,
        delta=look.delta,
        seed=look.seed,
        t_index=look.t_index,
    )


@dataclass(slots=True)
class Fade:
    """A way from one set of parameters to another, which starts when it is first asked."""

    start: Params
    end: Params
    seconds: float
    _prompt: Arc
    _negative: Arc
    _began: float | None = field(default=None, init=False)

    @classmethod
    def between(cls, start: Params, end: Params, seconds: float) -> Fade:
        """The way over `seconds`; the arcs are prepared here, off the frame path."""
        prompt = Arc(start.prompt_TD, end.prompt_TD)
        negative = Arc(start.negative_TD, end.negative_TD)
        return cls(start, end, seconds, prompt, negative)

    @classmethod
    def standing(cls, params: Params) -> Fade:
        """No way at all: `params` from the first moment."""
        return cls.between(params, params, 0.0)

    def at(self, now: float) -> Params:
        """The point reached at `now`; `end` itself once the time is over."""
        if self._began is None:
            self._began = now
        gone = now - self._began
        if gone >= self.seconds:
            return self.end
        share = max(gone, 0.0) / self.seconds
        start, end = self.start, self.end
        return Params(
            prompt_TD=self._prompt.at(share),
            negative_TD=self._negative.at(share),
            strength=_line(start.strength, end.strength, share),
            guidance_scale=_line(start.guidance_scale, end.guidance_scale, share),
            delta=_line(start.delta, end.delta, share),
            seed=end.seed,
            t_index=end.t_index,
        )


class Arc:
    """The shortest way between two embeddings, token by token along the sphere; in a straight
    line for tokens that are nearly parallel, opposite or zero. Equal ends stay one array."""

    def __init__(self, start_TD: Embedding, end_TD: Embedding) -> None:
        self._start_TD, self._end_TD = start_TD, end_TD
        self._stands = start_TD is end_TD or np.array_equal(start_TD, end_TD)
        lengths_T = np.linalg.norm(start_TD, axis=1) * np.linalg.norm(end_TD, axis=1)
        products_T = np.sum(start_TD * end_TD, axis=1, dtype=np.float32)
        cosines_T = products_T / np.maximum(lengths_T, np.finfo(np.float32).tiny)
        self._angles_T1 = np.arccos(np.clip(cosines_T, -1.0, 1.0))[:, None]
        sines_T1 = np.sin(self._angles_T1)
        self._flat_T1 = (sines_T1 < _DEGENERATE) | (lengths_T[:, None] == 0.0)
        self._sines_T1 = np.where(self._flat_T1, np.float32(1.0), sines_T1)

    def at(self, share: float) -> Embedding:
        """The point `share` of the way, 0 … 1; a new array, or the end itself if it stands."""
        if self._stands:
            return self._end_TD
        from_T1 = np.sin((1.0 - share) * self._angles_T1) / self._sines_T1
        to_T1 = np.sin(share * self._angles_T1) / self._sines_T1
        from_T1 = np.where(self._flat_T1, 1.0 - share, from_T1)
        to_T1 = np.where(self._flat_T1, share, to_T1)
        point: Embedding = (from_T1 * self._start_TD + to_T1 * self._end_TD).astype(
            np.float32, copy=False
        )
        return point


def _line(start: float, end: float, share: float) -> float:
    point = start + (end - start) * share
    return min(max(point, min(start, end)), max(start, end))  # rounding must not leave the range
