"""Classifier-free guidance: one class a mode, chosen when the frame step is built.

ε = ε_u + g·(ε_c − ε_u), with g ≤ 1 acting as 1. The modes differ in where ε_u comes from
(StreamDiffusion, arXiv 2312.12491, section 3.2: residual classifier-free guidance).
Names: S steps, R rows of the UNet's batch, C latent channels, h×w latent size, T×D prompt.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from engines.api import GuidanceMode


class NoGuidance:
    """ε = ε_c. R = S."""

    uses_negative: ClassVar[bool] = False
    uses_residual: ClassVar[bool] = False

    def rows(self, latent_SChw: Tensor, timestep_S: Tensor) -> tuple[Tensor, Tensor]:
        """The UNet's input rows and their timesteps."""
        return latent_SChw, timestep_S

    def prompts(self, steps: int, prompt: Tensor, negative: Tensor) -> Tensor:
        """What each row sees of a prompt: prompt_RTD for prompt_TD, pooled_RP for pooled_P."""
        return _rows_of(prompt, steps)

    def combine(
        self, noise_RChw: Tensor, residual_SChw: Tensor, scale: Tensor, delta: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The guided noise ε_SChw and the residual r_SChw that was used."""
        return noise_RChw, residual_SChw

    def after_first_step(self) -> NoGuidance:
        """The mode for the later steps when the S steps run one after the other."""
        return self


class SelfGuidance(NoGuidance):
    """ε_u = δ·r, the noise that would explain the latent as the input plus noise. R = S."""

    uses_residual: ClassVar[bool] = True

    def combine(
        self, noise_RChw: Tensor, residual_SChw: Tensor, scale: Tensor, delta: Tensor
    ) -> tuple[Tensor, Tensor]:
        return _guide(delta * residual_SChw, noise_RChw, scale), residual_SChw


class OnetimeGuidance(SelfGuidance):
    """As self, but r₀ is the noise under the negative prompt, from one extra row. R = S + 1."""

    uses_negative: ClassVar[bool] = True

    def rows(self, latent_SChw: Tensor, timestep_S: Tensor) -> tuple[Tensor, Tensor]:
        """The extra row comes last."""
        return (
            torch.cat([latent_SChw, latent_SChw[:1]]),
            torch.cat([timestep_S, timestep_S[:1]]),
        )

    def prompts(self, steps: int, prompt: Tensor, negative: Tensor) -> Tensor:
        return torch.cat([_rows_of(prompt, steps), negative[None]])

    def combine(
        self, noise_RChw: Tensor, residual_SChw: Tensor, scale: Tensor, delta: Tensor
    ) -> tuple[Tensor, Tensor]:
        residual_SChw = torch.cat([noise_RChw[-1:], residual_SChw[1:]])
        return _guide(delta * residual_SChw, noise_RChw[:-1], scale), residual_SChw

    def after_first_step(self) -> NoGuidance:
        """The negative prompt is asked once."""
        return SelfGuidance()


class FullGuidance(NoGuidance):
    """ε_u under the negative prompt on every row. R = 2S."""

    uses_negative: ClassVar[bool] = True

    def rows(self, latent_SChw: Tensor, timestep_S: Tensor) -> tuple[Tensor, Tensor]:
        """The rows under the negative prompt come last."""
        return torch.cat([latent_SChw, latent_SChw]), torch.cat([timestep_S, timestep_S])

    def prompts(self, steps: int, prompt: Tensor, negative: Tensor) -> Tensor:
        return torch.cat([_rows_of(prompt, steps), _rows_of(negative, steps)])

    def combine(
        self, noise_RChw: Tensor, residual_SChw: Tensor, scale: Tensor, delta: Tensor
    ) -> tuple[Tensor, Tensor]:
        # Sliced, not chunked: torch.export would take chunk's sizes for constants.
        steps = residual_SChw.shape[0]
        conditional_SChw, unconditional_SChw = noise_RChw[:steps], noise_RChw[steps:]
        return _guide(unconditional_SChw, conditional_SChw, scale), residual_SChw


MODES: dict[GuidanceMode, type[NoGuidance]] = {
    "none": NoGuidance,
    "self": SelfGuidance,
    "onetime": OnetimeGuidance,
    "full": FullGuidance,
}


def _rows_of(value: Tensor, rows: int) -> Tensor:
    return value[None].expand(rows, *value.shape)


def _guide(unconditional: Tensor, conditional: Tensor, scale: Tensor) -> Tensor:
    return unconditional + scale.clamp(min=1.0) * (conditional - unconditional)
