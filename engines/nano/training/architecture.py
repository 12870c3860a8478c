"""The networks to train: their sizes, found by timing whole frames (table in README.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from tokenizers import Tokenizer
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

from engines.nano.autoencoder import Autoencoder, Widths
from engines.nano.training.tokenizer import END, START, TOKENS, id_of
from engines.step.schedule import NoiseSchedule

SCALING_FACTOR = 2.0
TEXT_WIDTH = 128
# The noise schedule of Stable Diffusion (arXiv 2112.10752), read as LCM does.
SCHEDULER = {
    "_class_name": "LCMScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "original_inference_steps": 50,
    "prediction_type": "epsilon",
    "clip_sample": False,
    "set_alpha_to_one": True,
    "steps_offset": 1,
}
_WIDTHS = (48, 96, 128)


@dataclass(frozen=True, slots=True)
class Denoiser:
    """What the second phase trains: a UNet2DConditionModel and a CLIPTextModel."""

    unet: Any
    text_encoder: Any

    def modules(self) -> list[nn.Module]:
        return [self.unet, self.text_encoder]


def new_autoencoder() -> Autoencoder:
    """With random weights."""
    return Autoencoder(Widths(), SCALING_FACTOR)


def new_denoiser(tokenizer: Tokenizer) -> Denoiser:
    """With random weights; at first it predicts no noise at all."""
    unet = UNet2DConditionModel(
        sample_size=32,
        in_channels=Widths().latent,
        out_channels=Widths().latent,
        layers_per_block=1,
        block_out_channels=_WIDTHS,
        down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
        resnet_time_scale_shift="scale_shift",
        # The prompt also reaches every layer, beside the timestep: a look is a global matter.
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
    )
    nn.init.zeros_(unet.conv_out.weight)
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=tokenizer.get_vocab_size(),
            hidden_size=TEXT_WIDTH,
            intermediate_size=4 * TEXT_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=TOKENS,
            projection_dim=TEXT_WIDTH,
            bos_token_id=id_of(tokenizer, START),
            eos_token_id=id_of(tokenizer, END),
            pad_token_id=id_of(tokenizer, END),
        )
    )
    for module in text_encoder.modules():
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.05)
    return Denoiser(unet, text_encoder)


def schedule() -> NoiseSchedule:
    return NoiseSchedule(SCHEDULER)


def device() -> torch.device:
    """A CUDA GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def place(module: nn.Module) -> None:
    """Move to the device, as convolutions like it."""
    module.to(device())
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
