"""SDXL-Turbo, and SDXL with its LCM LoRA: two text encoders and added time ids."""

from __future__ import annotations

from pathlib import Path

from engines.model import stable_diffusion
from engines.model.stable_diffusion import StableDiffusion, unet_config

FAMILY = StableDiffusion(
    "sdxl_turbo",
    tiny_autoencoder="madebyollin/taesdxl",
    lcm_lora="latent-consistency/lcm-lora-sdxl",
)

open_model = FAMILY.open_model
load = stable_diffusion.load
tokenizer_files = stable_diffusion.tokenizer_files


def recognises(folder: Path) -> bool:
    """A UNet that adds the pooled prompt and the picture's sizes to the timestep."""
    return unet_config(folder).get("addition_embed_type") == "text_time"
