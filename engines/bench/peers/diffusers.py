# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "torch",
#   "numpy",
#   "pillow",
#   "diffusers==0.42.1",
#   "transformers==5.23.0",
#   "accelerate==1.15.0",
# ]
# ///
"""diffusers' own image-to-image pipeline, as its documentation runs it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import diffusers
import numpy as np
import torch
from diffusers import (
    AutoencoderTiny,
    AutoPipelineForImage2Image,
    DiffusionPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from numpy.typing import NDArray
from PIL import Image

Picture: TypeAlias = NDArray[np.uint8]
Restyle: TypeAlias = Callable[[Picture], Picture]

_HALF = 0.5  # of twice the steps are run: what `strength` makes of `num_inference_steps`
_OURS = "DetailAutoencoder"  # engines/nano/autoencoder.py


def open_peer(request: dict[str, Any]) -> tuple[Restyle, list[str]]:
    """See engines/bench/peers/__init__.py."""
    steps = len(request["t_index"])
    pipe = _pipeline(request)
    guided = request["guidance_mode"] == "full"
    arguments = {
        **_embeddings(request, guided=guided),
        "num_inference_steps": 2 * steps,
        "strength": _HALF,
        "guidance_scale": request["guidance_scale"] if guided else 0.0,
    }
    generator = torch.Generator().manual_seed(request["seed"])

    def restyle(frame_HWC: Picture) -> Picture:
        image = Image.fromarray(frame_HWC)
        return np.asarray(pipe(image=image, generator=generator, **arguments).images[0])

    _check_steps(pipe, restyle, request, steps)
    notes = ["each frame makes all its steps in sequence; its prompt is not encoded again"]
    if request["guidance_mode"] in ("self", "onetime"):
        notes.append(f"it has no guidance {request['guidance_mode']!r} and runs without any")
    if _class_name(Path(request["autoencoder"]) / "config.json") == _OURS:
        notes.append("it decodes without the detail path, which our frame has")
    return restyle, notes


def _pipeline(request: dict[str, Any]) -> DiffusionPipeline:
    """Its parts one by one: a model folder may name classes that this environment has not."""
    folder = Path(request["model"])
    options = {"torch_dtype": getattr(torch, request["precision"]), "local_files_only": True}
    scheduler = getattr(diffusers, _class_name(folder / "scheduler" / "scheduler_config.json"))
    text_to_image = StableDiffusionPipeline(
        vae=_autoencoder(Path(request["autoencoder"]), options),
        unet=UNet2DConditionModel.from_pretrained(folder / "unet", **options),
        scheduler=scheduler.from_pretrained(folder / "scheduler"),
        text_encoder=None,
        tokenizer=None,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe = AutoPipelineForImage2Image.from_pipe(text_to_image)
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(torch.device(request["device"]))


def _autoencoder(folder: Path, options: dict[str, Any]) -> AutoencoderTiny:
    """Of the class that wrote the folder: AutoencoderTiny, AutoencoderKL, or our own."""
    name = _class_name(folder / "config.json")
    if name == _OURS:  # this environment has no streamcam
        sys.path.insert(0, str(Path(__file__).parents[3]))
        from engines.nano.autoencoder_tiny import as_autoencoder_tiny

        return as_autoencoder_tiny(folder).to(options["torch_dtype"])
    kind: type[AutoencoderTiny] = getattr(diffusers, name)
    return kind.from_pretrained(folder, **options)


def _class_name(configuration: Path) -> str:
    return str(json.loads(configuration.read_text("utf-8"))["_class_name"])


def _embeddings(request: dict[str, Any], *, guided: bool) -> dict[str, Any]:
    """The prompt, and when it is guided the negative one, as the pipeline takes them."""
    names = {"prompt": "prompt_embeds"} | ({"negative": "negative_prompt_embeds"} if guided else {})
    dtype, device = getattr(torch, request["precision"]), torch.device(request["device"])
    return {
        argument: torch.from_numpy(np.load(request[name]))[None].to(device, dtype)
        for name, argument in names.items()
    }


def _check_steps(
    pipe: DiffusionPipeline, restyle: Restyle, request: dict[str, Any], steps: int
) -> None:
    """Raise unless one frame makes `steps` calls of the UNet: a ratio must compare equal work."""
    calls: list[int] = []
    hook = pipe.unet.register_forward_hook(lambda *_: calls.append(1))
    restyle(np.load(request["frames"])[0])
    hook.remove()
    if len(calls) != steps:
        raise RuntimeError(f"diffusers ran {len(calls)} UNet calls a frame, {steps} were wanted")
