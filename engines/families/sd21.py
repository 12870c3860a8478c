"""Stable Diffusion 2.x (ε or v, as its scheduler says) and what was fine-tuned from it."""

from __future__ import annotations

from pathlib import Path

from engines.families import _stable_diffusion as stable_diffusion
from engines.families._stable_diffusion import StableDiffusion, unet_config
from engines.model import read_config

FAMILY = StableDiffusion("sd21", tiny_autoencoder="madebyollin/taesd")

open_model = FAMILY.open_model
load = stable_diffusion.load


def recognises(folder: Path) -> bool:
    """OpenCLIP ViT-H's 1024 features a token, and a scheduler that is not Turbo's."""
    unet = unet_config(folder)
    return (
        unet.get("cross_attention_dim") == 1024
        and unet.get("mid_block_type", "UNetMidBlock2DCrossAttn") is not None
        and not has_trailing_schedule(folder)
    )


def has_trailing_schedule(folder: Path) -> bool:
    """Turbo models are distilled for steps that end at the last timestep."""
    scheduler = read_config(folder, "scheduler/scheduler_config.json")
    return scheduler.get("timestep_spacing") == "trailing"
