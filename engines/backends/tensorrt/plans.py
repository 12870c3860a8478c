"""Plans: what TensorRT makes of a model's graphs for one spec, built once and kept for good.

Each lies in a folder of the cache whose name is the key of everything that shapes it: weights and
LoRAs, the graph, the flavour of TensorRT with its version, and the GPU architecture. For the frame
step also size, steps, guidance, batching and room for prompts; the text encoder's serves them all.
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
    evict,
    file_sha256,
    key_of,
    why_not_whole,
    writing_folder,
)
from engines.backends.tensorrt.flavour import Flavour
from engines.backends.tensorrt.plan import FRAME_STEP, PORTABLE, TEXT_ENCODER, build_plan
from engines.errors import BackendUnavailable
from engines.graphs.export import graphs_key, with_graphs
from engines.memory import GIB
from engines.model import FP8, Model, Plans, frame_step_graph
from engines.model.footprint import parameters
from engines.model.shapes import Shapes, frame_step_signature, input_shapes

logger = logging.getLogger("engines.backends.tensorrt.plans")

_KIND = "tensorrt"  # of artifact
_FORMAT = 3  # of what this file writes; another number makes every plan anew
LIMIT, KERNELS_LIMIT = 20 * GIB, GIB  # bytes that are kept: a dozen of SD-Turbo's frame steps
# Measured (tests/benchmarks/README.md): 2.5 times the weights, text encoder included.
_MEMORY_PER_WEIGHT, _MEMORY_AT_LEAST = 2.6, GIB // 2
_DISK_PER_WEIGHT, _DISK_AT_LEAST = 1.1, GIB // 8


def find_plans(model: Model, spec: EngineSpec, flavour: Flavour, architecture: str) -> Plans | None:
    """Whole plans that run on this architecture, if there are any.

    One that is damaged is named in the log; it will be built anew.
    """
    for target in dict.fromkeys((architecture, PORTABLE)):
        places = plans_for(model, spec, flavour, target)
        if all(_is_whole(place) for place in places):
            return places
    return None


def _is_whole(plan: Path) -> bool:
    folder = plan.parent
    if not folder.exists():
        return False
    problem = why_not_whole(folder)
    if problem is not None:
        _warn_once(f"TensorRT engine {folder} is damaged: {problem}. It is built anew.")
    return problem is None


@cache
def _warn_once(line: str) -> None:
    logger.warning(line)


def plans_for(model: Model, spec: EngineSpec, flavour: Flavour, architecture: str) -> Plans:
    """Where these plans are kept; need not exist."""
    parts = _about(flavour, architecture) | {"format": _FORMAT, "graphs": graphs_key(model)}
    names = _graph_names(spec)
    return Plans(
        _folder(model, names[FRAME_STEP], parts | _shaped(spec)) / FRAME_STEP,
        _folder(model, names[TEXT_ENCODER], parts) / TEXT_ENCODER,
    )


def _shaped(spec: EngineSpec) -> dict[str, object]:
    precision = "fp8" if spec.precision == "fp8" else "float16"
    return {**{name: getattr(spec, name) for name in _SHAPING}, "precision": precision}


def _folder(model: Model, graph: str, parts: dict[str, object]) -> Path:
    parts = {"precision": "float16", **parts, "graph": graph}
    # The embedded model's graphs are shipped, and another release may bring others.
    if model.family == "nano" and not graph.endswith(FP8):
        parts["shipped"] = file_sha256(model.graph_file(graph))
    return cache_folder(_KIND) / key_of(parts)


def _about(flavour: Flavour, architecture: str) -> dict[str, object]:
    return {"flavour": flavour.name, "version": flavour.version, "architecture": architecture}


def write_plans(
    model: Model,
    spec: EngineSpec,
    flavour: Flavour,
    architecture: str,
    tell: Callable[[str], None],
) -> Plans:
    """Build plans in this process: that of the frame step whatever is there already, and that of
    the text encoder, which no size or step shapes, unless it is there.

    Takes seconds to minutes, gigabytes of memory, and the graphs of a model that has none yet. Of
    all plans that are kept, those that were not used for longest go if there are too many.
    Raises `BackendUnavailable`, `ModelUnavailable`.
    """
    tell("writing the model's graphs")
    names = _graph_names(spec)
    _check_room(model, flavour)
    places = plans_for(model, spec, flavour, architecture)
    model = with_graphs(model, list(names.values()))
    about = {"model": model.name, **_about(flavour, architecture)}
    shaping = _shaped(spec)
    shapes = input_shapes(frame_step_signature(model, spec), model, spec)

    def write(place: Path, what: str, shapes: Shapes, about: dict[str, object]) -> None:
        graph, say = model.graph_file(names[place.name]), partial(_tell_of, tell, what)
        with writing_folder(place.parent, about) as unfinished:
            plan = build_plan(flavour, graph, shapes, architecture, say)
            (unfinished / place.name).write_bytes(plan)
            del plan
            tell("saving")

    if not _is_whole(places.text_encoder):
        write(places.text_encoder, "text encoder", {}, about)
    write(places.frame_step, "frame step", shapes, about | shaping)
    _keep_few(places)
    return places


def _keep_few(places: Plans) -> None:
    for one in evict(_KIND, LIMIT, [place.parent for place in places]):
        logger.info("TensorRT engine %s was not used for longest and is deleted", one.path)
    evict("tensorrt-kernels", KERNELS_LIMIT)


def _tell_of(tell: Callable[[str], None], name: str, stage: str) -> None:
    tell(f"{name}: {stage}")


# What shapes a plan, of the fields of a spec that the model does not take in already.
_SHAPING = ("width", "height", "steps", "guidance_mode", "batching", "prompt_chunks")


def _graph_names(spec: EngineSpec) -> dict[str, str]:
    """The graph that each plan is made of."""
    return {TEXT_ENCODER: "text_encoder", FRAME_STEP: frame_step_graph(spec)}


def _check_room(model: Model, flavour: Flavour) -> None:
    """Checks memory and disk before minutes of work. Raises `BackendUnavailable`."""
    weights = sum(parameters(model)) * 2  # in float16, as the graphs have them
    memory = weights * _MEMORY_PER_WEIGHT + _MEMORY_AT_LEAST
    free_memory = psutil.virtual_memory().available
    if free_memory < memory:
        raise BackendUnavailable(
            f"{flavour.label} needs about {memory / GIB:.1f} GiB of memory to build an engine of "
            f"{model.name}, and {free_memory / GIB:.1f} GiB are free. Close other programs, or "
            "use --backend torch."
        )
    folder = cache_folder("tensorrt")
    folder.mkdir(parents=True, exist_ok=True)
    disk = weights * _DISK_PER_WEIGHT + _DISK_AT_LEAST
    free_disk = shutil.disk_usage(folder).free
    if free_disk < disk:
        raise BackendUnavailable(
            f"{flavour.label} needs about {disk / GIB:.1f} GiB of disk in {folder} for an engine "
            f"of {model.name}, and {free_disk / GIB:.1f} GiB are free. Make room (streamcam build "
            "--list shows what is kept there), or use --backend torch."
        )
