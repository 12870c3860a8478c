"""Stable Diffusion 1.x and what was fine-tuned from it. Few steps need the LoRA "lcm"."""

from __future__ import annotations

from pathlib import Path

from engines.model import stable_diffusion
from engines.model.stable_diffusion import StableDiffusion, reads_prompts_of

FAMILY = StableDiffusion(
    "sd15",
    tiny_autoencoder="madebyollin/taesd",
    lcm_lora="latent-consistency/lcm-lora-sdv1-5",
)

open_model = FAMILY.open_model
load = stable_diffusion.load
tokenizer_files = stable_diffusion.tokenizer_files


def recognises(folder: Path) -> bool:
    """CLIP ViT-L's 768 features a token, and a UNet with a middle."""
    return reads_prompts_of(folder, 768)
