# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = [
#   "torch",
#   "numpy==2.1.3",
#   "diffusers==0.24.0",
#   "transformers==4.46.3",
#   "huggingface-hub==0.25.2",
#   "accelerate==0.34.2",
# ]
# [tool.streamcam]
# without-dependencies = ["streamdiffusion==0.1.1"]
# ///
"""StreamDiffusion 0.1.1, the package as published, on torch (arXiv 2312.12491).

Of the package only `streamdiffusion.pipeline` is used: its image helpers want torchvision, and its
`__call__` wants CUDA events, so a frame goes through the three methods that `__call__` calls.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import diffusers
import numpy as np
import torch
from diffusers import AutoencoderTiny, LCMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from numpy.typing import NDArray
from streamdiffusion.pipeline import StreamDiffusion

Picture: TypeAlias = NDArray[np.uint8]
Embeddings: TypeAlias = tuple[torch.Tensor, ...]

_MODES = {"none": "none", "self": "self", "onetime": "initialize", "full": "full"}
_PUBLISHED_CHANNELS = 4


class AnyLatent(StreamDiffusion):  # type: ignore[misc]  # untyped package
    """StreamDiffusion for a latent of any number of channels: it hard-codes four."""

    x_t_latent_buffer: torch.Tensor | None

    def prepare(self, prompt: str, **settings: object) -> None:
        """As StreamDiffusion's; the noise and the latents in flight get the UNet's channels."""
        super().prepare(prompt, **settings)
        channels = self.unet.config.in_channels
        if channels == _PUBLISHED_CHANNELS:
            return
        shape = (self.batch_size, channels, self.latent_height, self.latent_width)
        noise = torch.randn(shape, generator=self.generator)
        self.init_noise = noise.to(device=self.device, dtype=self.dtype)
        self.stock_noise = torch.zeros_like(self.init_noise)
        if self.x_t_latent_buffer is not None:
            self.x_t_latent_buffer = torch.zeros_like(self.init_noise[1:])


_OURS = "DetailAutoencoder"  # engines/nano/autoencoder.py


def open_peer(request: dict[str, Any]) -> tuple[Callable[[Picture], Picture], list[str]]:
    """See engines/bench/peers/__init__.py."""
    dtype = getattr(torch, request["precision"])
    device = torch.device(request["device"])
    pipe = _pipeline(request, dtype, device)
    embeddings = _embeddings(request, dtype, device)
    pipe.encode_prompt = lambda **_: embeddings
    stream = AnyLatent(
        pipe,
        list(request["t_index"]),
        torch_dtype=dtype,
        width=request["width"],
        height=request["height"],
        cfg_type=_MODES[request["guidance_mode"]],
    )
    stream.prepare(
        "",
        guidance_scale=request["guidance_scale"],
        delta=request["delta"],
        generator=torch.Generator(),
        seed=request["seed"],
    )

    @torch.no_grad()
    def restyle(frame_HWC: Picture) -> Picture:
        frame = torch.from_numpy(np.ascontiguousarray(frame_HWC)).to(device)
        image = frame.permute(2, 0, 1)[None].to(dtype) / 127.5 - 1.0
        shown = stream.decode_image(stream.predict_x0_batch(stream.encode_image(image)))
        pixels = (shown[0].float() * 127.5 + 127.5).round().clamp(0.0, 255.0)
        picture: Picture = pixels.permute(1, 2, 0).to(torch.uint8).cpu().numpy()
        return picture

    return restyle, _notes(Path(request["autoencoder"]), stream)


def _pipeline(
    request: dict[str, Any], dtype: torch.dtype, device: torch.device
) -> StableDiffusionPipeline:
    folder, autoencoder = Path(request["model"]), Path(request["autoencoder"])
    options = {"torch_dtype": dtype, "local_files_only": True}
    pipe = StableDiffusionPipeline(
        vae=_autoencoder(autoencoder, options),
        unet=UNet2DConditionModel.from_pretrained(folder / "unet", **options),
        scheduler=LCMScheduler.from_pretrained(folder / "scheduler"),
        text_encoder=None,
        tokenizer=None,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    return pipe.to(device)


def _autoencoder(folder: Path, options: dict[str, Any]) -> AutoencoderTiny:
    """Of the class that wrote the folder: AutoencoderTiny, AutoencoderKL, or our own."""
    name = _class_name(folder)
    if name == _OURS:  # this environment has no streamcam
        sys.path.insert(0, str(Path(__file__).parents[3]))
        from engines.nano.autoencoder_tiny import as_autoencoder_tiny

        return as_autoencoder_tiny(folder).to(options["torch_dtype"])
    kind: type[AutoencoderTiny] = getattr(diffusers, name)
    return kind.from_pretrained(folder, **options)


def _class_name(folder: Path) -> str:
    return str(json.loads((folder / "config.json").read_text("utf-8"))["_class_name"])


def _embeddings(request: dict[str, Any], dtype: torch.dtype, device: torch.device) -> Embeddings:
    """prompt_1TD and negative_1TD, as `encode_prompt` would return them."""
    pair = (torch.from_numpy(np.load(request[name])) for name in ("prompt", "negative"))
    return tuple(one[None].to(device, dtype) for one in pair)


def _notes(autoencoder: Path, stream: AnyLatent) -> list[str]:
    notes = ["its pipeline's three methods a frame; its PIL helpers and CUDA events left out"]
    channels = stream.unet.config.in_channels
    if channels != _PUBLISHED_CHANNELS:
        notes.append(f"its hard-coded 4 latent channels overridden with {channels}")
    if _class_name(autoencoder) == _OURS:
        notes.append("it decodes without the detail path, which our frame has")
    return notes
