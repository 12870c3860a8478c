"""Aim: a look as an engine reads it, ready to be moved to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from engines.api import Embedding, Params
from engines.prompts import blend
from engines.prompts.syntax.shares import with_shares, written_parts
from streamcam.looks.look import Look
from streamcam.looks.noise import mix_of, strongest, weights

Encode = Callable[..., Embedding]  # `Engine.encode`


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """A prompt, and each part of it encoded by itself: their shares can be played.

    texts   of the parts, which say whether two prompts differ in their shares alone
    shares  that the text gives them; they add up to 1
    whole   the parts, blended so, by the engine itself
    """

    texts: tuple[str, ...]
    parts: tuple[Embedding, ...]
    shares: tuple[float, ...]
    whole: Embedding

    def blended(self, shares: Sequence[float]) -> Embedding:
        """With other shares, each 0 or more, which need not add up to anything."""
        whole = sum(shares)
        if whole <= 0.0:
            return self.whole
        pairs = zip(self.parts, shares, strict=True)
        return blend([(part, share / whole) for part, share in pairs if share > 0.0])


@dataclass(frozen=True, slots=True, eq=False)
class Aim:
    """`params` are the look's own, `prompt` is what they blend."""

    look: Look
    params: Params
    prompt: Mixture


def aimed(look: Look, encode: Encode) -> Aim:
    """`look`, encoded on the calling thread. Raises `EngineError`."""
    params = encoded(look, encode)
    return Aim(look, params, _mixture(look.prompt, params.prompt, _encoder(look, encode)))


def encoded(look: Look, encode: Encode) -> Params:
    """The look as an engine reads it. Raises `EngineError`."""
    mix = mix_of(look)
    mixed = weights(mix)
    encode = _encoder(look, encode)
    return Params(
        prompt=encode(look.prompt),
        negative=encode(look.negative_prompt),
        strength=look.strength,
        guidance_scale=look.guidance,
        delta=look.delta,
        seed=look.seed if mixed else strongest(mix),
        seed_mix=mixed,
        loras=look.lora_weights,
        t_index=look.t_index,
    )


def _encoder(look: Look, encode: Encode) -> Encode:
    """Live LoRAs may change the text encoder as well."""
    return partial(encode, loras=look.lora_weights) if look.loras else encode


def shares_in(prompt: str) -> list[float]:
    """Of the parts of a blend, 0 … 1 each; none for a plain prompt. Raises `InvalidPrompt`."""
    if "|" not in prompt:
        return []
    shares = [part.share for part in written_parts(prompt)]
    if len(shares) == 1:
        return []
    whole = sum(shares)
    return shares if max(shares) <= 1.0 else [share / whole for share in shares]


def with_shares_in(prompt: str, shares: Sequence[float]) -> str:
    """`prompt` with these instead. Raises `InvalidPrompt`."""
    return with_shares(prompt, shares)


def _mixture(prompt: str, whole: Embedding, encode: Encode) -> Mixture:
    if "|" not in prompt:  # most: nothing to blend
        return Mixture((prompt,), (whole,), (1.0,), whole)
    parts = written_parts(prompt)
    if len(parts) == 1:
        return Mixture((prompt,), (whole,), (1.0,), whole)
    total = sum(part.share for part in parts)
    alone = [
        encode(with_shares(prompt, [float(one == number) for one in range(len(parts))]))
        for number in range(len(parts))
    ]
    return Mixture(
        tuple(part.text for part in parts),
        tuple(alone),
        tuple(part.share / total for part in parts),
        whole,
    )
