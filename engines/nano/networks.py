"""The torch modules of the nano family: its own autoencoder and a small UNet.

Only the torch backend and the export use this file. Names as in engines/step/frame_step.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from diffusers import UNet2DConditionModel
from torch import Tensor

from engines.model.reading import reading
from engines.nano.autoencoder import Autoencoder, load_autoencoder
from engines.step.frame_step import ALWAYS_PASS_SIZES, Networks


class NanoNetworks(Networks):
    """Encoder, UNet and decoder of a nano model, as `engines.step.frame_step.Networks`."""

    def __init__(
        self, autoencoder: Autoencoder, unet: UNet2DConditionModel, prediction_type: str
    ) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.unet = unet
        self.unet.num_upsamplers = ALWAYS_PASS_SIZES
        self.prediction_type = prediction_type
        self.features = autoencoder.features

    def encode(self, image_BCHW: Tensor) -> tuple[Tensor, list[Tensor]]:
        return self.autoencoder.encode(image_BCHW)

    def denoise(
        self, latent_RChw: Tensor, timestep_R: Tensor, prompt_RTD: Tensor, *added: Tensor
    ) -> Tensor:
        prediction = self.unet(latent_RChw, timestep_R, prompt_RTD, return_dict=False)[0]
        return cast(Tensor, prediction)

    def decode(self, latent_BChw: Tensor, features: list[Tensor]) -> Tensor:
        return self.autoencoder.decode(latent_BChw, features)


def load_networks(folder: Path, prediction_type: str) -> NanoNetworks:
    """Read a nano model from a folder in diffusers layout; float32, on the CPU, in eval mode.

    Raises `ModelUnavailable` for weights that cannot be read.
    """
    # low_cpu_mem_usage wants accelerate, which a model of this size has no use for.
    options = {"local_files_only": True, "low_cpu_mem_usage": False}
    with reading(folder):
        autoencoder = load_autoencoder(folder / "vae")
        unet = UNet2DConditionModel.from_pretrained(folder / "unet", **options)
        networks = NanoNetworks(autoencoder, unet.float(), prediction_type)
    return networks.float().eval().requires_grad_(requires_grad=False)
