"""Fade: the way from one set of parameters to another."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import acos, sin

from engines.api import Embedding, Params
from engines.prompts import crossfade

SeedMix = dict[int, float]  # weight of each seed's noise; the squares add up to 1

_MOST_SEEDS = 4  # in a mix, and so noises that are kept
_UNSEEN = 0.01  # a weight below this changes no pixel visibly
_MAKING_ROOM = 0.25  # share of a fade over which a fifth seed's predecessor is let go


@dataclass(slots=True)
class Fade:
    """Moves from `start` to `end` over `seconds`, which begin when it is first asked.

    Embeddings move on the sphere and numbers in a straight line. Noise turns from the one
    to the other: the weights of the seeds move on the unit sphere, cos and sin for two of them, so
    that the sum of independent normals stays normal. `t_index`, which has nothing in between,
    changes at once.
    """

    start: Params
    end: Params
    seconds: float
    _began: float | None = field(default=None, init=False)

    def at(self, now: float) -> Params:
        """The point reached at `now`; `end` itself once the time is over."""
        if self._began is None:
            self._began = now
        gone = max(now - self._began, 0.0)
        if gone >= self.seconds or self.start is self.end:
            return self.end
        start, end, share = self.start, self.end, gone / self.seconds
        return Params(
            prompt=_arc(start.prompt, end.prompt, share),
            negative=_arc(start.negative, end.negative, share),
            strength=_line(start.strength, end.strength, share),
            guidance_scale=_line(start.guidance_scale, end.guidance_scale, share),
            delta=_line(start.delta, end.delta, share),
            seed=end.seed,
            seed_mix=_seeds(start, end, share),
            t_index=end.t_index,
        )


def _arc(start: Embedding, end: Embedding, share: float) -> Embedding:
    """Equal ends stay one object: `Engine.encode` gives the same one for the same prompt."""
    return end if start is end else crossfade(start, end, share)


def _line(start: float, end: float, share: float) -> float:
    point = start + (end - start) * share
    return min(max(point, min(start, end)), max(start, end))  # rounding must not leave the range


def _seeds(start: Params, end: Params, share: float) -> tuple[tuple[int, float], ...] | None:
    """The mix on the way; None if both ends have the one seed."""
    if start.seed_mix is None and end.seed_mix is None and start.seed == end.seed:
        return None
    first, last = _mix_of(start), _mix_of(end)
    if len(first | last) > _MOST_SEEDS:
        # First the faintest seed fades out, over _MAKING_ROOM of the time; then the rest turns.
        fewer = _without_faintest(first, keep=_MOST_SEEDS - len(last))
        if share < _MAKING_ROOM:
            return _tuple(turned(first, fewer, share / _MAKING_ROOM))
        first, share = fewer, (share - _MAKING_ROOM) / (1.0 - _MAKING_ROOM)
    return _tuple(turned(first, last, share))


def turned(start: SeedMix, end: SeedMix, share: float) -> SeedMix:
    """The mix `share` (0 … 1) of the way along the arc between two (Shoemake 1985)."""
    cosine = sum(weight * end.get(seed, 0.0) for seed, weight in start.items())
    angle = acos(min(cosine, 1.0))
    if angle < 1e-3:
        return end
    from_start, from_end = (sin(part * angle) / sin(angle) for part in (1.0 - share, share))
    return {
        seed: from_start * start.get(seed, 0.0) + from_end * end.get(seed, 0.0)
        for seed in start | end
    }


def _mix_of(params: Params) -> SeedMix:
    return dict(params.seed_mix or ((params.seed, 1.0),))


def _without_faintest(mix: SeedMix, keep: int) -> SeedMix:
    strongest = sorted(mix.items(), key=lambda pair: -pair[1])[:keep]
    return _scaled(dict(strongest))


def _scaled(mix: SeedMix) -> SeedMix:
    length = sum(weight * weight for weight in mix.values()) ** 0.5
    return {seed: weight / length for seed, weight in mix.items()}


def _tuple(mix: SeedMix) -> tuple[tuple[int, float], ...]:
    seen = {seed: weight for seed, weight in mix.items() if weight >= _UNSEEN}
    return tuple(_scaled(seen).items())
