"""Checkpoint header: what a .safetensors file is, read without its tensors or any framework."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from engines.errors import ModelUnavailable

UNET, AUTOENCODER = "model.diffusion_model.", "first_stage_model."
_CLIP, _OPEN_CLIP = "cond_stage_model.transformer.", "cond_stage_model.model."
_XL_CLIP, _XL_OPEN_CLIP = "conditioner.embedders.0.transformer.", "conditioner.embedders.1.model."
_LORA_PARTS = ("lora_down", "lora_up", "lora_A", "lora_B", "_lora.", ".lora.", "hada_w", "lokr_w")
_LONGEST = 100_000_000  # bytes of a header, as the format has it
_PICKLES = (".ckpt", ".pt", ".pth", ".bin")


@dataclass(frozen=True, slots=True)
class Kind:
    """A generation of Stable Diffusion.

    encoders  its text encoders, and what the names of their tensors begin with
    repo_id   whose configuration describes it; 2.x itself has left the hub, Turbo has its shape
    pipeline  its class in diffusers
    """

    name: str
    encoders: dict[str, str]
    repo_id: str
    pipeline: str = "StableDiffusionPipeline"


STABLE_DIFFUSION_1 = Kind(
    "Stable Diffusion 1.x",
    {"text_encoder": _CLIP},
    "stable-diffusion-v1-5/stable-diffusion-v1-5",
)
STABLE_DIFFUSION_2 = Kind(
    "Stable Diffusion 2.x", {"text_encoder": _OPEN_CLIP}, "stabilityai/sd-turbo"
)
STABLE_DIFFUSION_XL = Kind(
    "Stable Diffusion XL",
    {"text_encoder": _XL_CLIP, "text_encoder_2": _XL_OPEN_CLIP},
    "stabilityai/stable-diffusion-xl-base-1.0",
    "StableDiffusionXLPipeline",
)


@dataclass(frozen=True, slots=True, eq=False)
class Header:
    """shapes  of the tensors, by name"""

    shapes: dict[str, tuple[int, ...]]


def read_header(file: Path) -> Header:
    """Raises `ModelUnavailable` for a file that is missing, damaged, cut short or a pickle."""
    if file.suffix.lower() in _PICKLES:
        raise ModelUnavailable(
            f"model {file} is a pickle, which can run code when it is loaded. Take the model as "
            ".safetensors."
        )
    try:
        size = file.stat().st_size
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            text = opened.read(length) if length <= min(size - 8, _LONGEST) else b""
        entries = json.loads(text)
        tensors = {name: entry for name, entry in entries.items() if name != "__metadata__"}
        shapes = {name: tuple(map(int, entry["shape"])) for name, entry in tensors.items()}
        end = max((int(entry["data_offsets"][1]) for entry in tensors.values()), default=0)
    except OSError as error:
        raise ModelUnavailable(
            f"model {file} cannot be read: {error.strerror}. Check the path."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ModelUnavailable(
            f"model {file} is no safetensors file, or it is damaged. Download it again."
        ) from error
    if size != 8 + length + end:
        raise ModelUnavailable(
            f"model {file} is damaged: it has {size} bytes and should have {8 + length + end}. "
            "Download it again."
        )
    return Header(shapes)


def kind_of(file: Path, header: Header) -> Kind:
    """Raises `ModelUnavailable` for anything but a whole text-to-image Stable Diffusion."""
    names = header.shapes
    if any(part in name for name in names for part in _LORA_PARTS):
        raise ModelUnavailable(
            f"model {file} is a LoRA, which changes a model and is none. Choose a model, and give "
            "this file as one of its LoRAs."
        )
    shape = names.get(f"{UNET}input_blocks.0.0.weight")
    if shape is None:
        alone = any(name.startswith(("encoder.", AUTOENCODER)) for name in names)
        what = "is an autoencoder alone" if alone else "holds no Stable Diffusion"
        raise ModelUnavailable(
            f"model {file} {what}. Take a full checkpoint of Stable Diffusion 1.x, 2.x or XL, or a "
            "model folder in diffusers layout."
        )
    if shape[1:2] != (4,) or "edm_mean" in names:
        raise ModelUnavailable(
            f"model {file} is for inpainting, editing or a noise schedule of its own (its UNet "
            f"is {list(shape)}). Take one for text to image."
        )
    for kind in (STABLE_DIFFUSION_XL, STABLE_DIFFUSION_2, STABLE_DIFFUSION_1):
        needed = (AUTOENCODER, *kind.encoders.values())
        if all(any(name.startswith(prefix) for name in names) for prefix in needed):
            return kind
    raise ModelUnavailable(
        f"model {file} lacks its text encoder or its autoencoder. Take the full checkpoint, not a "
        "pruned one; refiners and UNets alone do not do."
    )
