"""Noise: how much of each seed's noise there is, and the way from one mix to another.

Noises of two seeds are independent, so a sum of them is as normal as they are where the squares of
the weights add up to 1: mixes are points of the unit sphere, and the way between two is an arc.
"""

from __future__ import annotations

from math import acos, sin

from streamcam.looks.look import Look

SeedMix = dict[int, float]  # weight of each seed's noise; the squares add up to 1
Weights = tuple[tuple[int, float], ...]  # the same, as `Params.seed_mix` has it

_MOST_SEEDS = 4  # in a mix, and so noises that are kept
_UNSEEN = 0.01  # a weight below this changes no pixel visibly
_MAKING_ROOM = 0.25  # share of a fade over which a fifth seed's predecessor is let go


def mix_of(look: Look, variation: float | None = None) -> SeedMix:
    """What a look says, or what it would say with another `variation`."""
    turned = look.variation if variation is None else variation
    return between({look.seed: 1.0}, {look.variation_seed: 1.0}, turned)


def way(first: SeedMix, last: SeedMix, share: float) -> SeedMix:
    """The mix `share` (0 … 1) of the way from `first` to `last`, of four seeds at most."""
    if len(first | last) > _MOST_SEEDS:
        # First the faintest seed fades out, over _MAKING_ROOM of the time; then the rest turns.
        fewer = _without_faintest(first, keep=_MOST_SEEDS - len(last))
        if share < _MAKING_ROOM:
            return between(first, fewer, share / _MAKING_ROOM)
        first, share = fewer, (share - _MAKING_ROOM) / (1.0 - _MAKING_ROOM)
    return between(first, last, share)


def between(start: SeedMix, end: SeedMix, share: float) -> SeedMix:
    """The mix `share` (0 … 1) of the way along the arc between two (Shoemake 1985)."""
    cosine = sum(weight * end.get(seed, 0.0) for seed, weight in start.items())
    angle = acos(min(cosine, 1.0))
    if angle < 1e-3 or share >= 1.0:
        return end
    from_start, from_end = (sin(part * angle) / sin(angle) for part in (1.0 - share, share))
    return {
        seed: from_start * start.get(seed, 0.0) + from_end * end.get(seed, 0.0)
        for seed in start | end
    }


def weights(mix: SeedMix) -> Weights | None:
    """For `Params.seed_mix`: without what nobody sees; None for one seed alone."""
    seen = {seed: weight for seed, weight in mix.items() if weight >= _UNSEEN}
    return tuple(_scaled(seen).items()) if len(seen) > 1 else None


def strongest(mix: SeedMix) -> int:
    """The seed with the most weight."""
    return max(mix.items(), key=lambda pair: pair[1])[0]


def _without_faintest(mix: SeedMix, keep: int) -> SeedMix:
    kept = sorted(mix.items(), key=lambda pair: -pair[1])[:keep]
    return _scaled(dict(kept))


def _scaled(mix: SeedMix) -> SeedMix:
    length = sum(weight * weight for weight in mix.values()) ** 0.5
    return {seed: weight / length for seed, weight in mix.items()}
