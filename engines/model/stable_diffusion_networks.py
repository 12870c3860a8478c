"""The torch modules of the Stable Diffusion families. Names as in engines/step/frame_step.py."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel
from torch import Tensor

from engines.model import Model, read_config
from engines.model.lora.live import make_live, with_weights
from engines.model.reading import reading, variant_of
from engines.model.text_encoder import TextEncoder, TwoTextEncoders, load_text_encoder
from engines.step.frame_step import ALWAYS_PASS_SIZES, Networks


class StableDiffusionNetworks(Networks):
    """UNet2DConditionModel with AutoencoderTiny or AutoencoderKL.

    An autoencoder whose configuration says `force_upcast` (SDXL's own) overflows in float16 and
    computes in float32 whatever the others do.
    """

    def __init__(
        self,
        unet: UNet2DConditionModel,
        autoencoder: AutoencoderTiny | AutoencoderKL,
        prediction_type: str,
        *,
        pooled: bool,
        adapters: int = 0,
    ) -> None:
        super().__init__()
        config = autoencoder.config
        self.unet = unet
        self.unet.num_upsamplers = ALWAYS_PASS_SIZES
        self.autoencoder = autoencoder
        self.variational = isinstance(autoencoder, AutoencoderKL)
        self.scaling_factor = float(config.scaling_factor)
        self.shift_factor = float(getattr(config, "shift_factor", None) or 0.0)
        self.wide = self.variational and bool(config.get("force_upcast"))
        self.prediction_type = prediction_type
        self.pooled = pooled
        self.adapters = adapters

    def to(self, *args: Any, **kwargs: Any) -> StableDiffusionNetworks:  # noqa: ANN401  # torch's
        """An autoencoder that overflows in float16 stays float32."""
        super().to(*args, **kwargs)
        if self.wide:
            self.autoencoder.float()
        return self

    def encode(self, image_BCHW: Tensor) -> tuple[Tensor, list[Tensor]]:
        """A KL autoencoder gives its mode."""
        image = image_BCHW.float() if self.wide else image_BCHW
        encoded = self.autoencoder.encode(image)
        latent = encoded.latent_dist.mode() if self.variational else encoded.latents
        latent = (latent - self.shift_factor) * self.scaling_factor
        return latent.to(image_BCHW.dtype), []

    def denoise(
        self, latent_RChw: Tensor, timestep_R: Tensor, prompt_RTD: Tensor, *added: Tensor
    ) -> Tensor:
        run: Callable[..., Any] = self.unet
        if self.adapters:
            *rest, lora_RN = added
            run, added = partial(with_weights, self.unet, lora_RN), tuple(rest)
        # float32 beside the float32 embedding of the ids, which the UNet joins it with: exported
        # graphs know no mixed types.
        conditions = {"text_embeds": added[0].float(), "time_ids": added[1]} if added else None
        prediction = run(
            latent_RChw,
            timestep_R,
            prompt_RTD,
            added_cond_kwargs=conditions,
            return_dict=False,
        )[0]
        return cast(Tensor, prediction)

    def decode(self, latent_BChw: Tensor, features: list[Tensor]) -> Tensor:
        latent = latent_BChw.float() if self.wide else latent_BChw
        latent = latent / self.scaling_factor + self.shift_factor
        image = self.autoencoder.decode(latent, return_dict=False)[0]
        return cast(Tensor, image).to(latent_BChw.dtype)


def load(model: Model) -> tuple[StableDiffusionNetworks, TextEncoder | TwoTextEncoders]:
    """Read a model's modules, LoRAs fused or beside; float32, on the CPU, in eval mode.

    Raises `ModelUnavailable` for weights that cannot be read or LoRAs that fit nothing.
    """
    with reading(model.folder):
        unet = _read(UNet2DConditionModel, model.folder / "unet")
    with reading(model.autoencoder):
        config = read_config(model.autoencoder, "config.json")
        tiny = config.get("_class_name") == "AutoencoderTiny"
        autoencoder = _read(AutoencoderTiny if tiny else AutoencoderKL, model.autoencoder)
    text_encoder = load_text_encoder(model)
    if model.loras:
        from engines.model.lora import fuse

        fuse(unet, text_encoder.encoders, model.loras)
    networks = StableDiffusionNetworks(
        unet,
        autoencoder,
        model.schedule.prediction_type,
        pooled=bool(model.pooled),
        adapters=len(model.live_loras),
    )
    if model.live_loras:
        make_live(unet, text_encoder.encoders, model.live_loras)
    return networks.eval().requires_grad_(requires_grad=False), text_encoder


def _read(kind: type[Any], folder: Path) -> Any:  # noqa: ANN401  # diffusers has no types
    loaded = kind.from_pretrained(
        folder,
        local_files_only=True,
        use_safetensors=True,
        variant=variant_of(folder),
        torch_dtype=torch.float32,
        low_cpu_mem_usage=False,
    )
    return loaded.float()
