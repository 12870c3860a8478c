"""Stable Diffusion 1.x and what was fine-tuned from it. Few steps need the LoRA "lcm"."""

from __future__ import annotations

from pathlib import Path

from engines.families import _stable_diffusion as stable_diffusion
from engines.families._stable_diffusion import StableDiffusion, unet_config

FAMILY = StableDiffusion(
    "sd15",
    tiny_autoencoder="madebyollin/taesd",
    lcm_lora="latent-consistency/lcm-lora-sdv1-5",
)

open_model = FAMILY.open_model
load = stable_diffusion.load


def recognises(folder: Path) -> bool:
    """CLIP ViT-L's 768 features a token, and a UNet with a middle."""
    unet = unet_config(folder)
    return (
        unet.get("cross_attention_dim") == 768
        and unet.get("mid_block_type", "UNetMidBlock2DCrossAttn") is not None
    )
