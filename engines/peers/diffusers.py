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
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import diffusers
import numpy as np
import torch
from diffusers import AutoPipelineForImage2Image, DiffusionPipeline
from numpy.typing import NDArray
from PIL import Image

Picture: TypeAlias = NDArray[np.uint8]
Restyle: TypeAlias = Callable[[Picture], Picture]

_HALF = 0.5  # of twice the steps are run: what `strength` makes of `num_inference_steps`


def open_peer(request: dict[str, Any]) -> tuple[Restyle, list[str]]:
    """See engines/peers/__init__.py."""
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
    if (Path(request["model"]) / "decoder").is_dir():
        notes.append("it decodes without the detail path, which our frame has")
    return restyle, notes


def _pipeline(request: dict[str, Any]) -> DiffusionPipeline:
    options = {"torch_dtype": getattr(torch, request["precision"]), "local_files_only": True}
    autoencoder = Path(request["autoencoder"])
    kind = json.loads((autoencoder / "config.json").read_text("utf-8"))["_class_name"]
    pipe = AutoPipelineForImage2Image.from_pretrained(
        request["model"],
        **options,
        vae=getattr(diffusers, kind).from_pretrained(autoencoder, **options),
        text_encoder=None,
        tokenizer=None,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(torch.device(request["device"]))


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
