"""The torch modules of the nano family: a tiny autoencoder with a detail path, and a small UNet.

Only the torch backend and the export use this file. Names as in engines/frame_step.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from diffusers import AutoencoderTiny, UNet2DConditionModel
from safetensors.torch import load_file
from torch import Tensor, nn

from engines.checkpoint import reading
from engines.frame_step import Networks

# The UNet passes on the exact size of each level when a side is not divisible by 2^upsamplers.
# Asking for that always makes one exported graph right for every frame size.
_ALWAYS_PASS_SIZES = 16


class DetailDecoder(nn.Module):
    """AutoencoderTiny's decoder plus a detail path.

    After each upsampling the encoder's feature map of that resolution is mixed in by a 1×1
    convolution over both, and a small residual block works at full resolution; the eyes and
    ink lines that the 8× bottleneck loses come back. The published relative is img2img-turbo
    (arXiv 2403.12036).
    """

    def __init__(self, decoder: nn.Module, channels: int) -> None:
        super().__init__()
        layers = list(cast(nn.Sequential, decoder.layers))
        self.layers = nn.ModuleList(layers)
        self.upsamplings = [i for i, layer in enumerate(layers) if isinstance(layer, nn.Upsample)]
        self.mix = nn.ModuleList(nn.Conv2d(2 * channels, channels, 1) for _ in self.upsamplings)
        self.full = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, latent_BChw: Tensor, features: list[Tensor]) -> Tensor:
        """Latent and feature maps (H/4, H/2, H) → image_BCHW in about [−1, 1]."""
        x = torch.tanh(latent_BChw / 3.0) * 3.0
        remaining = list(features)
        for index, layer in enumerate(self.layers):
            if index == len(self.layers) - 1:
                x = x + self.full(torch.relu(x))
            x = layer(x)
            if index in self.upsamplings:
                mixed = self.mix[self.upsamplings.index(index)]
                x = x + mixed(torch.cat([x, remaining.pop(0)], 1))
        return x.mul(2.0).sub(1.0)


class NanoNetworks(Networks):
    """Encoder, UNet and decoder of a nano model, as `engines.frame_step.Networks`."""

    def __init__(
        self, vae: AutoencoderTiny, unet: UNet2DConditionModel, prediction_type: str
    ) -> None:
        super().__init__()
        channels = int(vae.config.encoder_block_out_channels[0])
        self.scaling_factor = float(vae.config.scaling_factor)
        self.encoder = vae.encoder
        self.decoder = DetailDecoder(vae.decoder, channels)
        self.unet = unet
        self.unet.num_upsamplers = _ALWAYS_PASS_SIZES
        self.prediction_type = prediction_type
        self.features = ((channels, 4), (channels, 2), (channels, 1))

    def encode(self, image_BCHW: Tensor) -> tuple[Tensor, list[Tensor]]:
        """See Networks; the features are what goes into each stride-2 convolution, small first."""
        x = image_BCHW.add(1.0).div(2.0)
        features: list[Tensor] = []
        for layer in self.encoder.layers:
            if isinstance(layer, nn.Conv2d) and layer.stride == (2, 2):
                features.insert(0, x)
            x = layer(x)
        return x * self.scaling_factor, features

    def denoise(
        self, latent_RChw: Tensor, timestep_R: Tensor, prompt_RTD: Tensor, *added: Tensor
    ) -> Tensor:
        """See Networks."""
        prediction = self.unet(latent_RChw, timestep_R, prompt_RTD, return_dict=False)[0]
        return cast(Tensor, prediction)

    def decode(self, latent_BChw: Tensor, features: list[Tensor]) -> Tensor:
        """See Networks."""
        return cast(Tensor, self.decoder(latent_BChw / self.scaling_factor, features))


def load_networks(folder: Path, prediction_type: str) -> NanoNetworks:
    """Read a nano model from a folder in diffusers layout; float32, on the CPU, in eval mode.

    Raises `ModelUnavailable` for weights that cannot be read.
    """
    # low_cpu_mem_usage wants accelerate, which a model of this size has no use for.
    options = {"local_files_only": True, "low_cpu_mem_usage": False}
    with reading(folder):
        vae = AutoencoderTiny.from_pretrained(folder / "vae", **options)
        unet = UNet2DConditionModel.from_pretrained(folder / "unet", **options)
        networks = NanoNetworks(vae.float(), unet.float(), prediction_type)
        networks.decoder.load_state_dict(load_file(folder / "decoder" / "skip_decoder.safetensors"))
    return networks.float().eval().requires_grad_(requires_grad=False)
