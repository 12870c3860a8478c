"""Stable Diffusion 2.x (ε or v, as its scheduler says) and what was fine-tuned from it."""

from __future__ import annotations

from pathlib import Path

from engines.model import read_config, stable_diffusion
from engines.model.stable_diffusion import StableDiffusion, reads_prompts_of

FAMILY = StableDiffusion("sd21", tiny_autoencoder="madebyollin/taesd")

open_model = FAMILY.open_model
load = stable_diffusion.load
tokenizer_files = stable_diffusion.tokenizer_files


def recognises(folder: Path) -> bool:
    """OpenCLIP ViT-H's 1024 features a token, and a scheduler that is not Turbo's."""
    return reads_prompts_of(folder, 1024) and not has_trailing_schedule(folder)


def has_trailing_schedule(folder: Path) -> bool:
    """Turbo models are distilled for steps that end at the last timestep."""
    scheduler = read_config(folder, "scheduler/scheduler_config.json")
    return scheduler.get("timestep_spacing") == "trailing"
