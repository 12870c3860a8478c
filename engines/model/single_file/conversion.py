"""Checkpoint conversion: a Stable Diffusion checkpoint written as a folder in diffusers layout.

diffusers knows the names of the original code; what it does not do is checked here: that no
tensor is missing (it would leave it random) and what a Stable Diffusion 2.x predicts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.loaders.single_file_utils import SingleFileComponentError
from diffusers.utils import logging as diffusers_log
from safetensors import SafetensorError
from torch import Tensor, nn

from engines.errors import ModelUnavailable, reason
from engines.model.reading import reading
from engines.model.single_file.header import AUTOENCODER, STABLE_DIFFUSION_2, UNET, Header, Kind

_LAST_TIMESTEP = 999
_CORRELATED = 0.5
_JOINED = 4  # OpenCLIP keeps q, k and v in one tensor: 2 weights and 2 biases less a layer
_UNREAD = ("position_ids", "logit_scale")
_UNFITTING = (
    SingleFileComponentError,
    SafetensorError,
    KeyError,
    OSError,
    RuntimeError,
    ValueError,
)


def convert(file: Path, header: Header, kind: Kind, configuration: Path, folder: Path) -> None:
    """Write the model of `file` to `folder`, in float16. Raises `ModelUnavailable`.

    configuration  a model folder of the same kind; its weights are not needed
    """
    pipeline = _read(file, kind, configuration)
    networks: dict[str, Any] = {
        name: part for name, part in pipeline.components.items() if isinstance(part, nn.Module)
    }
    _require_all(file, header, kind, networks)
    scheduler: dict[str, object] = {"timestep_spacing": "leading"}
    if kind is STABLE_DIFFUSION_2:
        velocity = predicts_velocity(networks["unet"])
    else:
        velocity = "v_pred" in header.shapes
    if velocity:
        scheduler["prediction_type"] = "v_prediction"
    if "ztsnr" in header.shapes:
        scheduler["rescale_betas_zero_snr"] = True
    pipeline.scheduler.register_to_config(**scheduler)
    for network in networks.values():
        network.half()
    _write(file, pipeline, folder)


def predicts_velocity(unet: diffusers.UNet2DConditionModel) -> bool:
    """Whether a float32 UNet of Stable Diffusion 2.x predicts v; its checkpoint does not say.

    At the last timestep the input is all but noise. A UNet that predicts ε returns it, and one
    that predicts v = a·ε − b·x₀ with a ≈ 0.07 does not.
    """
    noise = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    prompt = torch.zeros(1, 77, int(unet.config.cross_attention_dim))
    with torch.inference_mode():
        said: Tensor = unet(noise, torch.tensor([_LAST_TIMESTEP]), prompt, return_dict=False)[0]
    both = torch.stack([noise.flatten(), said.flatten()])
    return float(torch.corrcoef(both)[0, 1]) < _CORRELATED


def _read(file: Path, kind: Kind, configuration: Path) -> diffusers.DiffusionPipeline:
    """The diffusers pipeline, on the CPU; float32 where it is to be run, else float16."""
    with reading(file), _without_bars():
        try:
            return getattr(diffusers, kind.pipeline).from_single_file(
                str(file),
                config=str(configuration),
                local_files_only=True,
                torch_dtype=torch.float32 if kind is STABLE_DIFFUSION_2 else torch.float16,
                safety_checker=None,
                feature_extractor=None,
            )
        except _UNFITTING as error:
            raise ModelUnavailable(
                f"model {file} cannot be read as a {kind.name}: "
                f"{str(error).strip().splitlines()[0]}. Take another checkpoint."
            ) from error


def _write(file: Path, pipeline: diffusers.DiffusionPipeline, folder: Path) -> None:
    with reading(file), _without_bars():
        try:
            pipeline.save_pretrained(folder, safe_serialization=True)
        except (OSError, SafetensorError) as error:
            raise ModelUnavailable(
                f"model {file} cannot be converted into {folder}: {reason(error)}. Make room "
                "there, or give a model folder in diffusers layout."
            ) from error


def _require_all(file: Path, header: Header, kind: Kind, networks: Mapping[str, Any]) -> None:
    """Raise `ModelUnavailable` if the file has fewer tensors than a network."""
    for part, prefix in {"unet": UNET, "vae": AUTOENCODER, **kind.encoders}.items():
        held = [name for name in header.shapes if name.startswith(prefix)]
        held = [name for name in held if not name.endswith(_UNREAD)]
        needed = len(networks[part].state_dict())
        if f"{prefix}positional_embedding" in header.shapes:
            needed -= _JOINED * int(networks[part].config.num_hidden_layers)
        if len(held) < needed:
            raise ModelUnavailable(
                f"model {file} is not whole: it holds {len(held)} of the {needed} tensors of its "
                f"{part}. Download it again, or take another checkpoint."
            )


@contextmanager
def _without_bars() -> Iterator[None]:
    """diffusers' progress bars would tear a status line."""
    shown = diffusers_log.is_progress_bar_enabled()
    diffusers_log.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            diffusers_log.enable_progress_bar()
