"""Tiny randomly initialised models of each family's true architecture, as diffusers writes them.

What the families are told apart by is as in the real ones: the width of the prompt, the middle
block, the added conditioning, the scheduler. Everything else is as small as it goes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

_LETTERS = "abcdefghijklmnopqrstuvwxyz,.()[]:|0123456789"


@dataclass(frozen=True)
class TinyModel:
    """What a family's tiny model is made of."""

    prompt_width: int
    unet: dict = field(default_factory=dict)
    text: dict = field(default_factory=dict)
    second_text: dict | None = None
    tiny_autoencoder: bool = False
    scheduler: dict = field(default_factory=dict)


_SDXS_BLOCKS = {
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "mid_block_type": None,
}
_SDXL_BLOCKS = {
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    "projection_class_embeddings_input_dim": 6 * 8 + 32,
    "transformer_layers_per_block": (1, 2),
    "use_linear_projection": True,
}
_LINEAR = {"use_linear_projection": True, "attention_head_dim": (2, 4)}
_TRAILING = {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing"}

TINY = {
    "sd15": TinyModel(768, {"attention_head_dim": 8}, {"hidden_act": "quick_gelu"}),
    "sd21": TinyModel(
        1024, _LINEAR, {"hidden_act": "gelu"}, None, True, {"prediction_type": "v_prediction"}
    ),
    "sd_turbo": TinyModel(1024, _LINEAR, {"hidden_act": "gelu"}, None, True, _TRAILING),
    "sdxl_turbo": TinyModel(
        2048,
        _SDXL_BLOCKS | {"attention_head_dim": (2, 4)},
        {"hidden_act": "quick_gelu", "hidden_size": 768},
        {"hidden_act": "gelu", "hidden_size": 1280, "projection_dim": 32},
        scheduler=_TRAILING,
    ),
    "sdxs": TinyModel(1024, _LINEAR | _SDXS_BLOCKS, {"hidden_act": "gelu"}, None, True, _TRAILING),
}


def write_tiny_model(family: str, folder: Path, seed: int = 0) -> Path:
    """A model of the family in diffusers layout, weights float16, in `folder`."""
    tiny = TINY[family]
    torch.manual_seed(seed)
    unet = UNet2DConditionModel(
        **{
            "in_channels": 4,
            "out_channels": 4,
            "block_out_channels": (16, 32),
            "norm_num_groups": 8,
            "layers_per_block": 1,
            "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
            "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
            "cross_attention_dim": tiny.prompt_width,
            **tiny.unet,
        }
    )
    _save(unet, folder / "unet")
    if tiny.tiny_autoencoder:
        write_tiny_autoencoder(folder / "vae")
    else:
        write_kl_autoencoder(folder / "vae")
    _write_text(tiny, folder)
    write_tokenizer(folder / "tokenizer", "<|endoftext|>" if family == "sd15" else "!")
    if tiny.second_text:
        write_tokenizer(folder / "tokenizer_2", "!")
    scheduler = {
        "_class_name": "PNDMScheduler",
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "num_train_timesteps": 1000,
        "prediction_type": "epsilon",
        **tiny.scheduler,
    }
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler))
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    return folder


def write_kl_autoencoder(folder: Path) -> None:
    """Stable Diffusion's own kind of autoencoder, eight frame pixels a latent one."""
    autoencoder = AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        norm_num_groups=4,
        latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        scaling_factor=0.18215,
    )
    _save(autoencoder, folder)


def write_tiny_autoencoder(folder: Path) -> None:
    """TAESD's kind."""
    blocks = {"num_encoder_blocks": (1, 1, 1, 1), "num_decoder_blocks": (1, 1, 1, 1)}
    widths = (8, 8, 8, 8)
    _save(
        AutoencoderTiny(
            encoder_block_out_channels=widths, decoder_block_out_channels=widths, **blocks
        ),
        folder,
    )


def write_tokenizer(folder: Path, pad: str) -> None:
    """CLIP's kind of tokenizer, as vocab.json and merges.txt, over single letters."""
    folder.mkdir(parents=True)
    words = [*_LETTERS, *(f"{letter}</w>" for letter in _LETTERS), "!", "!</w>"]
    words += ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    settings = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": 77,
        "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
        "pad_token": pad,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def _write_text(tiny: TinyModel, folder: Path) -> None:
    vocabulary = 2 * len(_LETTERS) + 4
    small = {
        "vocab_size": vocabulary,
        "hidden_size": tiny.prompt_width,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "bos_token_id": vocabulary - 2,
        "eos_token_id": vocabulary - 1,
        "pad_token_id": 1,
    }
    _save(CLIPTextModel(CLIPTextConfig(**{**small, **tiny.text})), folder / "text_encoder")
    if tiny.second_text:
        second = CLIPTextConfig(**{**small, **tiny.second_text})
        _save(CLIPTextModelWithProjection(second), folder / "text_encoder_2")


def _save(module: torch.nn.Module, folder: Path) -> None:
    module.half().save_pretrained(folder, safe_serialization=True)
