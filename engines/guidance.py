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

    def prompts(self, steps: int, prompt_TD: Tensor, negative_TD: Tensor) -> Tensor:
        """prompt_RTD: the prompt that each row sees."""
        return prompt_TD.expand(steps, -1, -1)

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
        """See NoGuidance."""
        return _guide(delta * residual_SChw, noise_RChw, scale), residual_SChw


class OnetimeGuidance(SelfGuidance):
    """As self, but r₀ is the noise under the negative prompt, from one extra row. R = S + 1."""

    uses_negative: ClassVar[bool] = True

    def rows(self, latent_SChw: Tensor, timestep_S: Tensor) -> tuple[Tensor, Tensor]:
        """See NoGuidance; the extra row comes last."""
        return (
            torch.cat([latent_SChw, latent_SChw[:1]]),
            torch.cat([timestep_S, timestep_S[:1]]),
        )

    def prompts(self, steps: int, prompt_TD: Tensor, negative_TD: Tensor) -> Tensor:
        """See NoGuidance."""
        return torch.cat([prompt_TD.expand(steps, -1, -1), negative_TD[None]])

    def combine(
        self, noise_RChw: Tensor, residual_SChw: Tensor, scale: Tensor, delta: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See NoGuidance."""
        residual_SChw = torch.cat([noise_RChw[-1:], residual_SChw[1:]])
        return _guide(delta * residual_SChw, noise_RChw[:-1], scale), residual_SChw

    def after_first_step(self) -> NoGuidance:
        """See NoGuidance: the negative prompt is asked once."""
        return SelfGuidance()


class FullGuidance(NoGuidance):
    """ε_u under the negative prompt on every row. R = 2S."""

    uses_negative: ClassVar[bool] = True

    def rows(self, latent_SChw: Tensor, timestep_S: Tensor) -> tuple[Tensor, Tensor]:
        """See NoGuidance; the rows under the negative prompt come last."""
        return torch.cat([latent_SChw, latent_SChw]), torch.cat([timestep_S, timestep_S])

    def prompts(self, steps: int, prompt_TD: Tensor, negative_TD: Tensor) -> Tensor:
        """See NoGuidance."""
        return torch.cat([prompt_TD.expand(steps, -1, -1), negative_TD.expand(steps, -1, -1)])

    def combine(
        self, noise_RChw: Tensor, residual_SChw: Tensor, scale: Tensor, delta: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See NoGuidance."""
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


def _guide(unconditional: Tensor, conditional: Tensor, scale: Tensor) -> Tensor:
    return unconditional + scale.clamp(min=1.0) * (conditional - unconditional)
