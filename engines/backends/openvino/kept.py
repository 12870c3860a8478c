"""Kept graphs: what OpenVINO makes of a graph for one processor, in the user's cache.

Nothing is read or compiled where a kept one is found (figures in tests/benchmarks/README.md). Each
lies in a folder whose name is the key of everything that shapes it: the weights' content, LoRAs,
the graph and its shapes, OpenVINO's version and properties, the processor and its instructions.

OpenVINO's own cache (CACHE_DIR) is not used. `compile_model(path)` answers from it with the old
weights after a weights file was replaced (2026.4.1), and `compile_model(model)` only once the graph
was read, which is half of the time that is to be saved.
"""

from __future__ import annotations

import io
import json
import logging
import os
import shutil
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path

import numpy as np

from engines.api import EngineSpec
from engines.artifacts import (
    about,
    cache_folder,
    evict,
    file_sha256,
    key_of,
    mark_used,
    why_not_whole,
    writing_folder,
)
from engines.backends.openvino import ahead
from engines.backends.openvino.graphs import (
    Config,
    Graph,
    compile_graph,
    compile_properties,
    open_core,
    ov,
    precision_of,
    read_graph,
)
from engines.errors import reason
from engines.graphs.export import graphs_key
from engines.memory import GIB, memory_of
from engines.model import Model
from engines.model.footprint import parameters

logger = logging.getLogger("engines.backends.openvino.kept")

_KIND = "openvino"  # of artifact
_FORMAT = 2  # of what this file keeps, and of what the files beside it make of a graph
_GRAPH, _PROPERTIES = "compiled.blob", "properties.json"
LIMIT = 4 * GIB  # bytes that are kept: 160 of the embedded model's, a size each
# More than this would take as long to read as to compile, and twice its size of memory to write.
_LARGEST = GIB
_DISK_LEFT = GIB  # bytes that stay free for others
# What oneDNN is told of the processor, whatever it finds.
_TOLD = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ONEDNN_CPU_ISA_HINTS", "DNNL_CPU_ISA_HINTS")


def compiled_graph(
    core: ov.Core, model: Model, graph: Graph, spec: EngineSpec, device: str
) -> ov.CompiledModel:
    """The graph of that name, with its free dimensions fixed, compiled for the lowest latency of
    one frame: as it was kept, or now, and then it is kept.

    Only for processors: what is compiled for other devices depends on drivers whose versions are
    not known. What cannot be kept is compiled at every start, and a line says why. Raises
    `ModelUnavailable`, `BackendUnavailable`.
    """
    config = compile_properties(spec, device)
    may_be_kept = device == "CPU" and _size(model) <= _LARGEST
    place = place_of(core, model, graph, device, config) if may_be_kept else None
    purpose = _purpose(graph, spec)
    if place is not None:
        ahead.use(purpose, place.name)
        kept = ahead.take(place.name) or _found(core, place)
        if kept is not None:
            mark_used(place)
            return kept
    compiled = compile_graph(core, read_graph(core, model, *graph), spec, device)
    if place is not None:
        content = _about(model, graph, spec, precision_of(compiled))
        ahead.keep(purpose, partial(_keep, compiled, config, place, _size(model), content))
    return compiled


def _purpose(graph: Graph, spec: EngineSpec) -> object:
    """What an engine begins with is named so that a start can find it again."""
    if graph.statistics != "own":
        return graph.statistics
    return ahead.frame_step(spec) if graph.shapes else ahead.TEXT_ENCODER


def read_kept(name: str) -> ov.CompiledModel | None:
    """The graph in the folder of that name, whoever may want it; None if none is there, or it is
    damaged, or another version's. Raises OSError, ValueError and RuntimeError."""
    place = cache_folder(_KIND) / name
    mine = about(place).get("version") == ov.get_version()
    return _imported(open_core(), place) if mine and why_not_whole(place) is None else None


def place_of(core: ov.Core, model: Model, graph: Graph, device: str, config: Config) -> Path | None:
    """The folder for this graph; need not exist. None if a file of the model cannot be read, which
    is for OpenVINO to say."""
    file = model.graph_file(graph.name)
    try:
        parts = {
            "format": _FORMAT,
            "model": graphs_key(model),
            "graph": [
                file_sha256(one) for one in (file, *sorted(file.parent.glob("*.safetensors")))
            ],
            "shapes": graph.shapes,
            "statistics": graph.statistics,
            "openvino": ov.get_version(),
            "properties": config,
            "processor": _processor(core, device),
        }
    except OSError as error:
        _warn_once(f"OpenVINO's graph of {model.name} is not kept: {reason(error)}.")
        return None
    return cache_folder(_KIND) / key_of(parts)


def _processor(core: ov.Core, device: str) -> list[object]:
    """What of it shapes a compiled graph."""
    return [
        str(core.get_property(device, "FULL_DEVICE_NAME")),
        str(core.get_property(device, "DEVICE_ARCHITECTURE")),
        sorted(core.get_property(device, "OPTIMIZATION_CAPABILITIES")),
        np.show_config(mode="dicts").get("SIMD Extensions", {}),
        [os.environ.get(name, "") for name in _TOLD],
    ]


def _found(core: ov.Core, place: Path) -> ov.CompiledModel | None:
    """What is kept there, if it is whole. One that is damaged is named, and made anew."""
    if not place.exists():
        return None
    problem = why_not_whole(place)
    if problem is None:
        try:
            return _imported(core, place)
        except (OSError, ValueError, RuntimeError) as error:
            problem = reason(error)
    _warn_once(f"OpenVINO's graph {place} is damaged: {problem}. It is made anew.")
    return None


def _imported(core: ov.Core, place: Path) -> ov.CompiledModel:
    """Raises OSError, ValueError and RuntimeError."""
    config: Config = json.loads((place / _PROPERTIES).read_text("utf-8"))
    return core.import_model(_read(place / _GRAPH), "CPU", config)


def _read(file: Path) -> ov.Tensor:
    """A file in memory that OpenVINO owns.

    Not mapped, by `Tensor(array, shared_memory=True)`: `import_model` keeps the address of its
    weights and not the array (2026.4.1), so the first frame after the array has gone ends the
    process. Nor could Windows then delete or replace the file.
    """
    tensor = ov.Tensor(ov.Type.u8, ov.Shape([file.stat().st_size]))
    with file.open("rb", buffering=0) as source, memoryview(tensor.data) as target:
        done = 0
        while done < len(target):
            read = source.readinto(target[done:])
            if not read:
                raise OSError(f"{file.name} ends after {done} of {len(target)} bytes")
            done += read
    return tensor


def _keep(
    compiled: ov.CompiledModel,
    config: Config,
    place: Path,
    size: int,
    content: Mapping[str, object],
) -> None:
    """For the next start. Nothing where there is no room for about `size` bytes, or where another
    program does so now."""
    try:
        why_not = _why_no_room(place.parent, size)
        if why_not is None:
            with writing_folder(place, content) as unfinished, io.BytesIO() as stream:
                compiled.export_model(stream)
                # Not its `getbuffer`: a view in the traceback of a full disk would keep it open.
                (unfinished / _GRAPH).write_bytes(stream.getvalue())
                (unfinished / _PROPERTIES).write_text(json.dumps(config), "utf-8")
    except (OSError, RuntimeError, MemoryError) as error:
        why_not = None if place.exists() and why_not_whole(place) is None else reason(error)
    if why_not is not None:
        model = content["model"]
        _warn_once(f"OpenVINO's graph of {model} is not kept in {place.parent}: {why_not}.")
    for one in evict(_KIND, LIMIT, [place]):
        logger.info("OpenVINO's graph %s was not used for longest and is deleted", one.path)


def _size(model: Model) -> int:
    """Of a kept graph at most, about: it holds its weights in float32. Reads headers alone."""
    return sum(parameters(model)) * 4


def _why_no_room(folder: Path, size: int) -> str | None:
    """Why so many bytes cannot be written there, if they cannot. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    disk = shutil.disk_usage(folder).free
    if disk < size + _DISK_LEFT:
        return f"{disk / GIB:.1f} GiB are free on that disk"
    memory = memory_of("CPU")
    if memory is not None and memory.free < 2 * size:
        return f"{memory.free / GIB:.1f} GiB of memory are free"
    return None


def _about(model: Model, graph: Graph, spec: EngineSpec, precision: str) -> dict[str, object]:
    """For people."""
    made_with = {"model": model.name, "precision": precision, "version": ov.get_version()}
    if not graph.shapes:
        return made_with
    height, width, _ = graph.shapes["frame_HWC"]
    size = {"width": width, "height": height, "statistics": graph.statistics}
    shaping = ("steps", "guidance_mode", "batching", "prompt_chunks")
    return made_with | size | {name: getattr(spec, name) for name in shaping}


@cache
def _warn_once(line: str) -> None:
    logger.warning(line)
