"""ONNX graphs of a model, written when they are first needed, or all at once for the embedded one.

`python -m engines.graphs.export SOURCE TARGET` copies a nano model in diffusers layout (weights as
float16) to TARGET and writes its graphs beside it: the frame steps for every guidance mode, the
text encoder, and the three networks alone (for `streamcam bench`). Needs the `torch` extra.
"""

from __future__ import annotations

import argparse
import logging
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from engines.api import GUIDANCE_MODES, Batching, EngineSpec
from engines.artifacts import cache_folder, file_sha256, key_of, writing
from engines.errors import BackendUnavailable
from engines.families import family, open_model
from engines.memory import GIB, memory_of
from engines.model import FP8, Model, frame_step_graph
from engines.model.footprint import parameters

if TYPE_CHECKING:
    from torch import nn

    from engines.graphs.onnx import PartName
    from engines.graphs.quantization import Scales
    from engines.graphs.weights import Stored
    from engines.step.frame_step import Networks

logger = logging.getLogger("engines.graphs.export")

MODEL_FOLDERS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
PARTS = ("encoder", "unet", "decoder")
_FORMAT = 2  # of what this file writes; another number makes every model's graphs anew
# Measured (tests/benchmarks/README.md): 9.3 GiB for the 1.2 thousand million of SD-Turbo.
_BYTES_PER_PARAMETER = 8
_STEPS = 3  # any number above one: the graphs leave it free


def specs() -> list[EngineSpec]:
    """The frame steps that a model folder holds graphs for."""
    kinds: list[tuple[int, Batching]] = [(1, "stream")]
    kinds += [(_STEPS, batching) for batching in get_args(Batching)]
    return [
        EngineSpec(steps=steps, batching=batching, guidance_mode=mode)
        for steps, batching in kinds
        for mode in GUIDANCE_MODES
    ]


def graph_names() -> list[str]:
    """The graphs of a model folder."""
    return ["text_encoder", *PARTS, *(frame_step_graph(spec) for spec in specs())]


def with_graphs(model: Model, names: Sequence[str]) -> Model:
    """`model` with the graphs `names`; what is missing is written to the user's cache.

    The embedded model brings its own, but for the quantised ones. For the others this takes torch
    and minutes, once.
    Raises `ModelUnavailable`, `BackendUnavailable`.
    """
    if model.family == "nano" and not any(name.endswith(FP8) for name in names):
        return model
    model = replace(model, graphs=cache_folder("graphs") / graphs_key(model))
    missing = [name for name in names if not (model.graphs / f"{name}.onnx").is_file()]
    if missing:
        logger.info(
            "model: writing %s of %s for the first time, which takes minutes; kept in %s",
            " and ".join(missing),
            model.name,
            model.graphs,
        )
        _check_memory(model)
        _write(model, missing)
    return model


def _check_memory(model: Model) -> None:
    """Where memory is short, the system would end the program, with the stream that it shows.
    Raises `BackendUnavailable`."""
    needed = sum(parameters(model)) * _BYTES_PER_PARAMETER + GIB // 2
    free = memory_of("cpu")
    if free is not None and free.free < needed:
        raise BackendUnavailable(
            f"model {model.name}: writing its graphs needs about {needed / GIB:.1f} GiB of memory "
            f"and {free.free / GIB:.1f} GiB are free. Close other programs, or use --backend "
            "torch, which needs no graphs.",
            cause="memory",
        )


def graphs_key(model: Model) -> str:
    """Of everything that shapes a model's graphs and the weights that they point into."""
    live = {"live_loras": [file_sha256(file) for file in model.live_loras]}
    return key_of(
        {
            **(live if model.live_loras else {}),
            "format": _FORMAT,
            "family": model.family,
            "prediction": model.schedule.prediction_type,
            "files": [file_sha256(file) for file in model.files()],
            "loras": sorted((file_sha256(file), scale) for file, scale in model.loras),
        }
    )


def load_halves(model: Model) -> tuple[Networks, nn.Module]:
    """The networks and the text encoder as the graphs have them: float16, but for an autoencoder
    that overflows in it, which keeps float32 arithmetic on weights that were rounded to float16."""
    return _halved(*family(model.family).load(model))


def _halved(networks: Networks, text_encoder: nn.Module) -> tuple[Networks, nn.Module]:
    import torch

    return networks.half().to(torch.float16), text_encoder.half()


def export_graph(
    model: Model,
    modules: tuple[Networks, nn.Module],
    name: str,
    tensors: Stored,
    target: Path,
    scales: Scales | None = None,
) -> Path:
    """Write the graph `name` of `model` to `target`, beside (or as if beside) its `tensors`.

    scales  from `quantization.calibrate`, for a graph that is quantised
    """
    import onnx_ir as ir

    from engines.graphs import onnx, quantization
    from engines.graphs.weights import share_weights, strip_descriptions

    networks, text_encoder = modules
    if name == "text_encoder":
        graph = onnx.text_encoder_to_onnx(model, text_encoder)
    elif name in PARTS:
        graph = onnx.part_to_onnx(model, networks, cast("PartName", name))
    else:
        plain = name.removesuffix(FP8)
        (spec,) = (spec for spec in specs() if frame_step_graph(spec) == plain)
        graph = onnx.frame_step_to_onnx(model, networks, spec)
        if scales is not None and name.endswith(FP8):
            graph = quantization.quantise(graph, networks, scales)
    path = target / f"{name}.onnx"
    with writing(path) as unfinished:
        ir.save(strip_descriptions(share_weights(graph, tensors, target)), unfinished)
    return path


def export(source: Path, target: Path) -> None:
    """Write the model folder `target` from `source`. Raises `ModelUnavailable`."""
    from engines.graphs.weights import stored_tensors

    copy_model(source, target)
    model = open_model(EngineSpec(model=str(target)))
    modules = load_halves(model)
    tensors = stored_tensors(target)
    for name in graph_names():
        path = export_graph(model, modules, name, tensors, target)
        logger.info("%s  %.2f MB", path.name, path.stat().st_size / 1e6)


def copy_model(source: Path, target: Path) -> None:
    """Copy configuration, tokenizer and weights; the weights become float16."""
    from safetensors.torch import load_file, save_file

    open_model(EngineSpec(model=str(source)))  # names what is missing before anything is written
    for folder in (name for name in MODEL_FOLDERS if (source / name).is_dir()):
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


def _write(model: Model, names: Sequence[str]) -> None:
    try:
        from safetensors.torch import save_file

        from engines.graphs.quantization import calibrate
        from engines.graphs.weights import stored_tensors
    except ModuleNotFoundError as error:
        raise BackendUnavailable(
            f"model {model.name}: writing its graphs needs the package {error.name}, which is not "
            "installed. Install it: pip install 'streamcam[torch]'."
        ) from error
    floats = family(model.family).load(model)
    scales = calibrate(model, *floats) if any(name.endswith(FP8) for name in names) else None
    modules = _halved(*floats)
    weights = model.graphs / "weights.safetensors"
    if not weights.is_file():
        halves = {
            f"{part}.{name}": tensor.half().contiguous()
            for part, module in zip(("networks", "text_encoder"), modules, strict=True)
            for name, tensor in module.state_dict().items()
            if tensor.is_floating_point()
        }
        with writing(weights) as unfinished:
            save_file(halves, unfinished, metadata={"format": "pt"})
        del halves
    tensors = stored_tensors(model.graphs)
    for name in names:
        export_graph(model, modules, name, tensors, model.graphs, scales)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m engines.graphs.export", description=__doc__)
    parser.add_argument("source", type=Path, help="model folder in diffusers layout")
    parser.add_argument("target", type=Path, help="folder to write; may be the source itself")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    logger.setLevel(logging.INFO)
    export(arguments.source, arguments.target)


if __name__ == "__main__":
    main()
