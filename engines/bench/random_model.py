"""Random models: folders in diffusers layout with the true architecture and random weights.

For benchmarks: time does not depend on the values, and nothing has to be downloaded.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.errors import BackendUnavailable, ModelUnavailable, reason
from engines.whole import whole_folder

_TOKENIZER = Path(__file__).parents[1] / "nano" / "tokenizer"
_SEED = 0


@dataclass(frozen=True, slots=True)
class Architecture:
    """Arguments of diffusers' UNet2DConditionModel and AutoencoderTiny and of CLIPTextConfig."""

    unet: Mapping[str, object]
    autoencoder: Mapping[str, object]
    text_encoder: Mapping[str, object]


# The embedded tokenizer stands in for CLIP's: ids from 0, these two around every prompt.
_TOKENS = {"bos_token_id": 1592, "eos_token_id": 1593, "pad_token_id": 1593}
_TOKENIZER_CONFIG = {
    "tokenizer_class": "CLIPTokenizer",
    "model_max_length": 77,
    "bos_token": "<|startoftext|>",
    "eos_token": "<|endoftext|>",
    "unk_token": "<|endoftext|>",
    "pad_token": "<|endoftext|>",
}

# stabilityai/sd-turbo, with the autoencoder madebyollin/taesd.
SD_TURBO = Architecture(
    unet={
        "sample_size": 64,
        "block_out_channels": (320, 640, 1280, 1280),
        "attention_head_dim": (5, 10, 20, 20),
        "cross_attention_dim": 1024,
        "use_linear_projection": True,
    },
    autoencoder={},
    text_encoder={
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 23,
        "num_attention_heads": 16,
        "hidden_act": "gelu",
        "projection_dim": 512,
        "vocab_size": 49408,
        **_TOKENS,
    },
)

# Like IDKiro/sdxs-512-0.9: no middle block, one layer a block, attention at the two lower levels.
SDXS = Architecture(
    unet={
        "sample_size": 64,
        "block_out_channels": (320, 640, 1280),
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "mid_block_type": None,
        "attention_head_dim": (5, 10, 20),
        "cross_attention_dim": 1024,
        "use_linear_projection": True,
    },
    autoencoder={},
    text_encoder=SD_TURBO.text_encoder,
)

_SCHEDULER = {
    "_class_name": "EulerDiscreteScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "interpolation_type": "linear",
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "timestep_spacing": "trailing",
    "use_karras_sigmas": False,
}
_INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "feature_extractor": [None, None],
    "safety_checker": [None, None],
    "requires_safety_checker": False,
    "scheduler": ["diffusers", "EulerDiscreteScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderTiny"],
}


def random_model(
    name: str, architecture: Architecture, root: Path, say: Callable[[str], None]
) -> Path:
    """The model folder `root/name`, which is written unless it is there; whole or not at all.

    Raises `BackendUnavailable` without torch and diffusers, `ModelUnavailable` for a full disk.
    """
    folder = root / name
    if folder.is_dir():
        return folder
    say(f"model {name}: writing random weights to {folder}, once")
    try:
        root.mkdir(parents=True, exist_ok=True)
        with whole_folder(folder) as unfinished:
            write(architecture, unfinished)
    except OSError as error:
        raise ModelUnavailable(
            f"model {name} cannot be written to {root}: {reason(error)}."
        ) from error
    except ModuleNotFoundError as error:
        raise BackendUnavailable(
            f"model {name} needs the package {error.name}, which is not installed. Install it: "
            "pip install 'streamcam[torch]'."
        ) from error
    return folder


def write(architecture: Architecture, folder: Path) -> None:
    """Write a model folder: float16 safetensors, the same values every time."""
    import torch
    from diffusers import AutoencoderTiny, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    networks: dict[str, Callable[[], Any]] = {
        "unet": lambda: UNet2DConditionModel(**architecture.unet),
        "vae": lambda: AutoencoderTiny(**architecture.autoencoder),
        "text_encoder": lambda: CLIPTextModel(CLIPTextConfig(**architecture.text_encoder)),
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        for part, make in networks.items():
            make().half().save_pretrained(folder / part)
    shutil.copytree(_TOKENIZER, folder / "tokenizer")
    _write_json(folder / "tokenizer" / "tokenizer_config.json", _TOKENIZER_CONFIG)
    (folder / "scheduler").mkdir()
    _write_json(folder / "scheduler" / "scheduler_config.json", _SCHEDULER)
    _write_json(folder / "model_index.json", _INDEX)


def _write_json(file: Path, content: object) -> None:
    file.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
