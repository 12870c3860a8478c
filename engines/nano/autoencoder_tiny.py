"""The nano family's autoencoder for programs that know no detail path.

Needs torch, diffusers and safetensors alone: other projects' environments import it, too.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from diffusers import AutoencoderTiny
from torch import Tensor, nn

from engines.nano.autoencoder import Autoencoder, load_autoencoder


def as_autoencoder_tiny(folder: Path) -> AutoencoderTiny:
    """diffusers' class around encoder and decoder; the decoder sees a photo without features."""
    autoencoder = load_autoencoder(folder)
    width = autoencoder.widths.half
    tiny = AutoencoderTiny(
        latent_channels=autoencoder.widths.latent,
        encoder_block_out_channels=(width,) * 4,
        decoder_block_out_channels=(width,) * 4,
        scaling_factor=autoencoder.scaling_factor,
    )
    tiny.encoder, tiny.decoder = _WithoutFeatures(autoencoder), _FromLatents(autoencoder)
    return tiny.eval()


class _WithoutFeatures(nn.Module):
    def __init__(self, autoencoder: Autoencoder) -> None:
        super().__init__()
        self.encoder = autoencoder.encoder

    def forward(self, image_BCHW: Tensor) -> Tensor:
        return cast(Tensor, self.encoder(image_BCHW)[0])


class _FromLatents(nn.Module):
    def __init__(self, autoencoder: Autoencoder) -> None:
        super().__init__()
        self.decoder = autoencoder.decoder
        self.features = autoencoder.features

    def forward(self, latent_BChw: Tensor) -> Tensor:
        batch, _, height, width = latent_BChw.shape
        nothing = [
            latent_BChw.new_zeros(batch, channels, height * 8 // scale, width * 8 // scale)
            for channels, scale in self.features
        ]
        return cast(Tensor, self.decoder(latent_BChw, nothing))
