"""Plans: what TensorRT makes of a model's graphs for one spec, built once and kept for good.

A folder of the cache holds the plans of the frame step and of the text encoder. Its name is the
key of everything that shapes them: weights and LoRAs, the graphs, size, steps, guidance, batching,
room for prompts, the flavour of TensorRT with its version, and the GPU architecture.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import psutil

from engines.api import EngineSpec
from engines.artifacts import (
    cache_folder,
    file_sha256,
    key_of,
    why_not_whole,
    writing_folder,
)
from engines.backends.tensorrt.flavour import Flavour
from engines.backends.tensorrt.plan import FRAME_STEP, PORTABLE, TEXT_ENCODER, build_plan
from engines.errors import BackendUnavailable
from engines.graphs.export import graphs_key, with_graphs
from engines.model import Model, frame_step_graph
from engines.model.shapes import frame_step_signature, input_shapes

logger = logging.getLogger("engines.backends.tensorrt.plans")

_FORMAT = 1  # of what this file writes; another number makes every plan anew
_GIB = 1 << 30
# Measured (tests/benchmarks/README.md): 2.5 times the weights, text encoder included.
_MEMORY_PER_WEIGHT, _MEMORY_AT_LEAST = 2.6, _GIB // 2
_DISK_PER_WEIGHT, _DISK_AT_LEAST = 1.1, _GIB // 8


def find_plans(model: Model, spec: EngineSpec, flavour: Flavour, architecture: str) -> Path | None:
    """The folder of whole plans that run on this architecture, if there is one.

    One that is damaged is named in the log; it will be built anew.
    """
    for target in dict.fromkeys((architecture, PORTABLE)):
        folder = plans_folder(model, spec, flavour, target)
        if not folder.exists():
            continue
        problem = why_not_whole(folder)
        if problem is None:
            return folder
        _warn_once(f"TensorRT engine {folder} is damaged: {problem}. It is built anew.")
    return None


@cache
def _warn_once(line: str) -> None:
    logger.warning(line)


def plans_folder(model: Model, spec: EngineSpec, flavour: Flavour, architecture: str) -> Path:
    """Where these plans are kept; need not exist."""
    parts: dict[str, object] = {
        "format": _FORMAT,
        "graphs": graphs_key(model),
        "flavour": flavour.name,
        "version": flavour.version,
        "architecture": architecture,
        "precision": "float16",
        **{name: getattr(spec, name) for name in _SHAPING},
    }
    if model.family == "nano":  # its graphs are shipped, and another release may bring others
        names = _graph_names(spec)
        parts["shipped"] = [file_sha256(model.graph_file(name)) for name in names]
    return cache_folder("tensorrt") / key_of(parts)


def write_plans(
    model: Model,
    spec: EngineSpec,
    flavour: Flavour,
    architecture: str,
    tell: Callable[[str], None],
) -> Path:
    """Build plans in this process, whatever is there already; the folder that they are in.

    Takes seconds to minutes, gigabytes of memory, and the graphs of a model that has none yet.
    Raises `BackendUnavailable`, `ModelUnavailable`.
    """
    tell("writing the model's graphs")
    model = with_graphs(model, _graph_names(spec))
    _check_room(model, flavour)
    step = frame_step_signature(model, spec)
    graphs = {
        TEXT_ENCODER: ("text encoder", "text_encoder", {}),
        FRAME_STEP: ("frame step", frame_step_graph(spec), input_shapes(step, model, spec)),
    }
    folder = plans_folder(model, spec, flavour, architecture)
    about = {
        "model": model.name,
        "flavour": flavour.name,
        "version": flavour.version,
        "architecture": architecture,
        **{name: getattr(spec, name) for name in _SHAPING},
    }
    with writing_folder(folder, about) as unfinished:
        for file, (name, graph, shapes) in graphs.items():
            plan = build_plan(
                flavour,
                model.graph_file(graph),
                shapes,
                architecture,
                partial(_tell_of, tell, name),
            )
            (unfinished / file).write_bytes(plan)
            del plan
        tell("saving")
    return folder


def _tell_of(tell: Callable[[str], None], name: str, stage: str) -> None:
    tell(f"{name}: {stage}")


# What shapes a plan, of the fields of a spec that the model does not take in already.
_SHAPING = ("width", "height", "steps", "guidance_mode", "batching", "prompt_chunks")


def _graph_names(spec: EngineSpec) -> list[str]:
    return ["text_encoder", frame_step_graph(spec)]


def _check_room(model: Model, flavour: Flavour) -> None:
    """Before minutes of work, whether it can end well. Raises `BackendUnavailable`."""
    weights = sum(file.stat().st_size for file in model.graphs.rglob("*.safetensors"))
    memory = weights * _MEMORY_PER_WEIGHT + _MEMORY_AT_LEAST
    free_memory = psutil.virtual_memory().available
    if free_memory < memory:
        raise BackendUnavailable(
            f"{flavour.label} needs about {memory / _GIB:.1f} GiB of memory to build an engine of "
            f"{model.name}, and {free_memory / _GIB:.1f} GiB are free. Close other programs, or "
            "use --backend torch."
        )
    folder = cache_folder("tensorrt")
    folder.mkdir(parents=True, exist_ok=True)
    disk = weights * _DISK_PER_WEIGHT + _DISK_AT_LEAST
    free_disk = shutil.disk_usage(folder).free
    if free_disk < disk:
        raise BackendUnavailable(
            f"{flavour.label} needs about {disk / _GIB:.1f} GiB of disk in {folder} for an engine "
            f"of {model.name}, and {free_disk / _GIB:.1f} GiB are free. Make room (streamcam build "
            "--list shows what is kept there), or use --backend torch."
        )
