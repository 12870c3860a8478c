"""SDXS: a UNet without a middle block, distilled to one step (arXiv 2403.16627)."""

from __future__ import annotations

from pathlib import Path

from engines.model import stable_diffusion
from engines.model.stable_diffusion import StableDiffusion, has_middle

FAMILY = StableDiffusion("sdxs", tiny_autoencoder="madebyollin/taesd", steps_max=1)

open_model = FAMILY.open_model
load = stable_diffusion.load
tokenizer_files = stable_diffusion.tokenizer_files


def recognises(folder: Path) -> bool:
    """A configuration that says there is no middle block."""
    return not has_middle(folder)
