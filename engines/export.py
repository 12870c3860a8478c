"""Model folder → model folder with ONNX graphs: `python -m engines.export SOURCE TARGET`.

Copies a nano model in diffusers layout (weights as float16) to TARGET and writes its graphs
beside it: the frame step for S = 1 and for any S > 1 under every guidance mode, the text encoder,
and the three networks alone (for `streamcam bench`). Needs the `torch` extra.
"""

from __future__ import annotations

import argparse
import logging
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import onnx
from safetensors.torch import load_file, save_file

from engines.api import GUIDANCE_MODES, EngineSpec
from engines.build import open_model
from engines.families.nano import load_networks
from engines.graphs import PartName, frame_step_to_onnx, part_to_onnx, text_encoder_to_onnx
from engines.model import Model, frame_step_graph
from engines.safetensor_weights import share_weights, stored_tensors, strip_descriptions

logger = logging.getLogger(__name__)

MODEL_FOLDERS = ("unet", "vae", "decoder", "text_encoder", "tokenizer", "scheduler")


def specs() -> list[EngineSpec]:
    """The frame steps that a model folder holds graphs for."""
    return [
        EngineSpec(steps=steps, guidance_mode=mode) for steps in (1, 2) for mode in GUIDANCE_MODES
    ]


def graphs(model: Model) -> Iterator[tuple[str, onnx.ModelProto]]:
    """Name and graph of everything that a model folder holds, weights still inside."""
    networks = load_networks(model)
    yield "text_encoder", text_encoder_to_onnx(model)
    for part in get_args(PartName):
        yield part, part_to_onnx(model, networks, part)
    for spec in specs():
        yield frame_step_graph(spec), frame_step_to_onnx(model, networks, spec)


def export(source: Path, target: Path) -> list[Path]:
    """Write the model folder `target` from `source`; returns the graphs that were written."""
    copy_model(source, target)
    model = replace(open_model(str(target)), name=target.name)
    tensors = stored_tensors(target)
    written = []
    for name, graph in graphs(model):
        path = target / f"{name}.onnx"
        onnx.save(share_weights(strip_descriptions(graph), tensors), path)
        logger.info("%s: %.0f kB", path, path.stat().st_size / 1000)
        written.append(path)
    return written


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
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    export(arguments.source, arguments.target)


if __name__ == "__main__":
    main()
