"""Footprint: what an engine of a model takes of memory, before anything of it is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path

from engines.api import EngineSpec
from engines.errors import ModelUnavailable
from engines.model import Model, read_config
from engines.model.single_file.header import read_header
from engines.step.signature import unet_rows

# What is allocated at most while a frame is computed, in float32: bytes a pixel in the autoencoder
# (TAESD, AutoencoderKL) and in SD-Turbo's UNet for each row of its batch. Measured by torch's
# profiler on the processor at 256x256 and 320x192, torch 2.13.
_TINY, _VARIATIONAL, _UNET_ROW = 1050, 3900, 142
_SLACK = 1.5  # a pool of blocks of many sizes has gaps
_LIBRARIES = 1 << 28  # workspaces of cuDNN, cuBLAS and oneDNN


def parameters(model: Model) -> tuple[int, int]:
    """How many numbers the networks' weights are, and those of the text encoders. Reads the files'
    headers alone; a file that cannot be read counts as nothing, as loading it reports the error."""
    networks = text = 0
    for folder in {file.parent for file in model.files()}:
        count = sum(_elements(file) for file in _taken(sorted(folder.glob("*.safetensors"))))
        if folder.name.startswith("text_encoder"):
            text += count
        else:
            networks += count
    return networks + sum(map(_elements, model.live_loras)), text


def working_bytes(model: Model, spec: EngineSpec, item: int) -> int:
    """What a frame needs beside the weights, about; `item`: bytes of a number in the networks."""
    kind = read_config(model.autoencoder, "config.json").get("_class_name")
    pixel = _VARIATIONAL if kind == "AutoencoderKL" else _TINY
    pixel += _UNET_ROW * unet_rows(spec)
    return int(spec.width * spec.height * pixel * item / 4 * _SLACK) + _LIBRARIES


def _taken(files: Sequence[Path]) -> list[Path]:
    """Of weights that are there twice, those that are read."""
    halves = [file for file in files if ".fp16." in file.name]
    return halves or list(files)


def _elements(file: Path) -> int:
    try:
        return sum(prod(shape) for shape in read_header(file).shapes.values())
    except ModelUnavailable:
        return 0
