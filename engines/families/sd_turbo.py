"""SD-Turbo: Stable Diffusion 2.1 distilled to one to four steps (arXiv 2311.17042)."""

from __future__ import annotations

from pathlib import Path

from engines.families.sd21 import has_trailing_schedule
from engines.model import stable_diffusion
from engines.model.stable_diffusion import StableDiffusion, reads_prompts_of

FAMILY = StableDiffusion("sd_turbo", tiny_autoencoder="madebyollin/taesd")

open_model = FAMILY.open_model
load = stable_diffusion.load
tokenizer_files = stable_diffusion.tokenizer_files


def recognises(folder: Path) -> bool:
    """The UNet of Stable Diffusion 2.x with a trailing schedule."""
    return reads_prompts_of(folder, 1024) and has_trailing_schedule(folder)
