"""The nano family: the embedded model's layout, read without torch.

A nano model is a folder in diffusers layout (unet, vae, text_encoder, tokenizer, scheduler) with
its ONNX graphs beside them, which `python -m engines.graphs.export` writes. engines/nano/training
makes one. Its autoencoder is a class of our own (engines/nano/autoencoder.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from engines.api import EngineSpec
from engines.errors import InvalidSpec, ModelUnavailable, quoted
from engines.model import EMBEDDED, Model, read_config, require
from engines.patches import PatchRule
from engines.step.schedule import NoiseSchedule, spread_timesteps

if TYPE_CHECKING:
    from torch import nn

    from engines.step.frame_step import Networks

_AUTOENCODER = "DetailAutoencoder"  # of engines/nano/autoencoder.py, which imports torch
_DOWNSCALE = 8
_WEIGHTS = (
    "unet/diffusion_pytorch_model.safetensors",
    "vae/diffusion_pytorch_model.safetensors",
    "text_encoder/model.safetensors",
)
# The family is trained at the weak end of the schedule: LCM entries 47 to 49.
_STRONGEST, _WEAKEST = 59.0, 19.0

# A UNet of three levels below latents of eight pixels; the paper repeats after as many. Its
# attention, at the deepest level, changes less than a tenth of a decibel if it sees a patch alone.
_PATCHES = PatchRule(grid=32, halo=16)


def recognises(folder: Path) -> bool:
    """The autoencoder is the family's own."""
    config = "vae/config.json"
    if not (folder / config).is_file():
        return False
    return read_config(folder, config).get("_class_name") == _AUTOENCODER


def tokenizer_files(folder: Path) -> tuple[Path, ...]:
    """One, which is read as it is. Raises `ModelUnavailable`."""
    require(folder, "tokenizer/tokenizer.json")
    return (folder / "tokenizer" / "tokenizer.json",)


def open_model(spec: EngineSpec, folder: Path) -> Model:
    """Read the configuration and check that every file is there. Raises `ModelUnavailable`."""
    loras = spec.loras or spec.live_loras
    if loras or spec.autoencoder not in ("auto", "own"):
        wrong = "LoRAs" if loras else f"the autoencoder {quoted(spec.autoencoder)}"
        raise InvalidSpec(f"model {quoted(spec.model)} of the family nano takes no {wrong}.")
    unet = read_config(folder, "unet/config.json")
    vae = read_config(folder, "vae/config.json")
    text = read_config(folder, "text_encoder/config.json")
    scheduler = read_config(folder, "scheduler/scheduler_config.json")
    tokenizers = tokenizer_files(folder)
    require(folder, *_WEIGHTS)
    try:
        return Model(
            name="nano" if folder == EMBEDDED else spec.model,
            folder=folder,
            family="nano",
            graphs=folder,
            autoencoder=folder / "vae",
            tokenizer_files=tokenizers,
            latent_channels=cast(int, unet["in_channels"]),
            downscale=_DOWNSCALE,
            tokens=cast(int, text["max_position_embeddings"]),
            width=cast(int, text["hidden_size"]),
            pooled=0,
            features=((cast(int, vae["quarter"]), 4), (cast(int, vae["half"]), 2)),
            schedule=NoiseSchedule(scheduler),
            timesteps=timesteps,
            patches=_PATCHES,
        )
    except KeyError as error:
        raise ModelUnavailable(f"model {folder}: its configuration lacks {error}.") from error


def timesteps(strength: float, steps: int) -> tuple[int, ...]:
    """Timesteps for a strength in (0, 1], strongest first: 1.0 starts at t = 59, 0 would at 19."""
    strongest = _WEAKEST + (_STRONGEST - _WEAKEST) * strength
    return spread_timesteps(strongest, _WEAKEST, steps)


def load(model: Model) -> tuple[Networks, nn.Module]:
    """The torch modules of `model`, float32 on the CPU (needs torch and diffusers)."""
    from engines.model.text_encoder import load_text_encoder
    from engines.nano.networks import load_networks

    networks = load_networks(model.folder, model.schedule.prediction_type)
    return networks, load_text_encoder(model)
