"""What was trained, as a model folder in diffusers layout."""

from __future__ import annotations

import json
from pathlib import Path

from engines.nano.autoencoder import CLASS_NAME, Autoencoder
from engines.nano.training.architecture import SCHEDULER, Denoiser

_INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "feature_extractor": [None, None],
    "image_encoder": [None, None],
    "requires_safety_checker": False,
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "LCMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["engines.nano.autoencoder", CLASS_NAME],
}


def write(folder: Path, autoencoder: Autoencoder, denoiser: Denoiser) -> None:
    """Everything but `tokenizer/`, which is written before training."""
    autoencoder.save(folder / "vae")
    denoiser.unet.save_pretrained(folder / "unet")
    denoiser.text_encoder.save_pretrained(folder / "text_encoder")
    (folder / "scheduler").mkdir(parents=True, exist_ok=True)
    _write_json(folder / "scheduler" / "scheduler_config.json", SCHEDULER)
    _write_json(folder / "model_index.json", _INDEX)


def _write_json(file: Path, content: object) -> None:
    file.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
