"""Model folder → model folder with ONNX graphs: `python -m engines.export SOURCE TARGET`.

Copies a nano model in diffusers layout (weights as float16) to TARGET and writes its graphs
beside it: the frame step for S = 1 and for any S > 1 under every guidance mode, the text encoder,
and the three networks alone (for `streamcam bench`). Needs the `torch` extra.
"""

from __future__ import annotations

import argparse
import logging
import shutil
from pathlib import Path
from typing import cast, get_args

import onnx
from safetensors.torch import load_file, save_file

from engines.api import GUIDANCE_MODES, EngineSpec
from engines.build import open_model
from engines.families.nano import load_networks
from engines.frame_step import Networks
from engines.graphs import PartName, frame_step_to_onnx, part_to_onnx, text_encoder_to_onnx
from engines.model import Model, frame_step_graph
from engines.safetensor_weights import (
    StoredTensor,
    share_weights,
    stored_tensors,
    strip_descriptions,
)

logger = logging.getLogger("engines.export")

MODEL_FOLDERS = ("unet", "vae", "decoder", "text_encoder", "tokenizer", "scheduler")


def specs() -> list[EngineSpec]:
    """The frame steps that a model folder holds graphs for."""
    return [
        EngineSpec(steps=steps, guidance_mode=mode) for steps in (1, 3) for mode in GUIDANCE_MODES
    ]


def graph_names() -> list[str]:
    """The graphs of a model folder."""
    return ["text_encoder", *get_args(PartName), *(frame_step_graph(spec) for spec in specs())]


def export_graph(
    model: Model,
    networks: Networks,
    name: str,
    tensors: dict[bytes, StoredTensor],
    target: Path,
) -> Path:
    """Write the graph `name` of `model` to `target`, beside (or as if beside) its `tensors`."""
    if name == "text_encoder":
        graph = text_encoder_to_onnx(model)
    elif name in get_args(PartName):
        graph = part_to_onnx(model, networks, cast(PartName, name))
    else:
        (spec,) = (spec for spec in specs() if frame_step_graph(spec) == name)
        graph = frame_step_to_onnx(model, networks, spec)
    path = target / f"{name}.onnx"
    onnx.save(share_weights(strip_descriptions(graph), tensors), path)
    return path


def export(source: Path, target: Path) -> None:
    """Write the model folder `target` from `source`. Raises `ModelUnavailable`."""
    copy_model(source, target)
    model = open_model(str(target))
    networks = load_networks(model)
    tensors = stored_tensors(target)
    for name in graph_names():
        path = export_graph(model, networks, name, tensors, target)
        logger.info("%s: %.0f kB", path, path.stat().st_size / 1000)


def copy_model(source: Path, target: Path) -> None:
    """Copy configuration, tokenizer and weights; the weights become float16."""
    open_model(str(source))  # names what is missing before anything is written
    for folder in MODEL_FOLDERS:
        (target / folder).mkdir(parents=True, exist_ok=True)
        for file in sorted((source / folder).iterdir()):
            copy = target / folder / file.name
            if copy.exists() and copy.samefile(file):
                continue
            if file.suffix == ".safetensors":
                halves = {name: weight.half() for name, weight in load_file(file).items()}
                save_file(halves, copy, metadata={"format": "pt"})
            else:
                shutil.copyfile(file, copy)
    for file in source.glob("*.json"):
        copy = target / file.name
        if not (copy.exists() and copy.samefile(file)):
            shutil.copyfile(file, copy)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m engines.export", description=__doc__)
    parser.add_argument("source", type=Path, help="model folder in diffusers layout")
    parser.add_argument("target", type=Path, help="folder to write; may be the source itself")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    logger.setLevel(logging.INFO)
    export(arguments.source, arguments.target)


if __name__ == "__main__":
    main()
