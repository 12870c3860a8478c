"""Look: what a preset or somebody at a control sets live, in words and numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """One look. Becomes `engines.api.Params` once its prompts are encoded.

    name            shown in the status line
    variation_seed  of the noise that `variation` turns to
    variation       0 … 1: how far the noise is on its way from `seed` to `variation_seed`
    loras           live LoRAs, each with its weight, in the order of the engine's
    crossfade       seconds over which the picture moves from the look before to this one
    The other fields are those of `engines.api.Params`, with prompts as text.
    """

    name: str
    prompt: str
    negative_prompt: str = ""
    strength: float = 0.5
    guidance: float = 1.0
    delta: float = 1.0
    seed: int = 2
    variation_seed: int = 3
    variation: float = 0.0
    loras: tuple[tuple[str, float], ...] = ()
    t_index: tuple[int, ...] | None = None
    crossfade: float = 0.6

    @property
    def lora_weights(self) -> tuple[float, ...]:
        """As `engines.api.Params` has them."""
        return tuple(weight for _, weight in self.loras)


@dataclass(frozen=True, slots=True)
class Turn:
    """A look and how long it is on, with the crossfade that leads to it. `seconds` above 0."""

    look: Look
    seconds: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """Looks that take turns, in a loop. At least one."""

    turns: tuple[Turn, ...]
