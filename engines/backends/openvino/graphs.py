"""Exported graphs as OpenVINO has them: read, given their shapes, compiled for latency."""

from __future__ import annotations

import sys
from functools import cache
from typing import NamedTuple

from engines.api import EngineSpec
from engines.errors import BackendUnavailable, ModelUnavailable, quoted
from engines.model import Model, remedy
from engines.model.shapes import Shapes

# No telemetry: with this import refused, OpenVINO takes the stub that it brings for that case. Nor
# its converter of other programs' models, a quarter of its import: OpenVINO does without where that
# is refused, and who wants it can still import it.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
_CONVERTER = "openvino.tools.ovc"
_without_it = _CONVERTER not in sys.modules
if _without_it:
    sys.modules[_CONVERTER] = None  # type: ignore[assignment]

import openvino as ov  # noqa: E402

if _without_it:
    del sys.modules[_CONVERTER]
from openvino import opset13 as ops  # noqa: E402
from openvino.properties import hint as hint  # noqa: E402

from engines.backends.openvino.statistics import CHANGES, Statistics  # noqa: E402
from engines.backends.openvino.timesteps import tabulate  # noqa: E402

__all__ = [
    "Config",
    "Graph",
    "checked_precision",
    "choose_device",
    "compile_graph",
    "compile_properties",
    "open_core",
    "ops",
    "ov",
    "precision_of",
    "read_graph",
]

Config = dict[str, str]  # OpenVINO's properties and their values, in its own words

_TYPES = {"float32": ov.Type.f32, "bfloat16": ov.Type.bf16, "float16": ov.Type.f16}


class Graph(NamedTuple):
    """What is compiled: an exported graph by its name, with its free dimensions fixed.

    statistics  of its group normalisations: its "own", or "kept" of a frame, or "given" to a part
    """

    name: str
    shapes: Shapes
    statistics: Statistics = "own"


@cache
def open_core() -> ov.Core:
    """The one of this process; from any thread. Another one would load the devices' code again."""
    return ov.Core()


def choose_device(core: ov.Core, spec: EngineSpec) -> str:
    """The device in OpenVINO's words; "auto" is the CPU. Raises `BackendUnavailable`."""
    device = "CPU" if spec.device == "auto" else spec.device.upper()
    if device.split(".")[0] not in {name.split(".")[0] for name in core.available_devices}:
        raise BackendUnavailable(
            f"device {quoted(spec.device)}: OpenVINO finds {', '.join(core.available_devices)} "
            "here."
        )
    return device


def read_graph(
    core: ov.Core, model: Model, name: str, shapes: Shapes, statistics: Statistics = "own"
) -> ov.Model:
    """An exported graph with its free dimensions fixed. Raises `ModelUnavailable`.

    The timesteps among its inputs become int32: see `timesteps.py`.
    """
    path = model.graph_file(name)
    try:
        graph = core.read_model(path)
        if shapes:
            graph.reshape({name: list(shape) for name, shape in shapes.items()})
    except RuntimeError as error:
        if "outside the base directory" in str(error):
            raise ModelUnavailable(
                f"model {model.folder}: files in it are links to another folder, which OpenVINO "
                "does not follow. Put the files themselves into the folder."
            ) from error
        raise ModelUnavailable(
            f"model {model.folder}: {path.name}, or the weights it points to, cannot be read: "
            f"damaged or not whole. {remedy(model.folder)}"
        ) from error
    tabulate(graph)
    CHANGES[statistics](graph)
    return graph


def compile_properties(spec: EngineSpec, device: str) -> Config:
    """What a graph is compiled with, for the lowest latency of one frame."""
    config = {"PERFORMANCE_HINT": "LATENCY", "PERFORMANCE_HINT_NUM_REQUESTS": "1"}
    if device == "CPU":
        config["NUM_STREAMS"] = "1"
        if spec.threads:
            config["INFERENCE_NUM_THREADS"] = str(spec.threads)
    if spec.precision != "auto":
        config["INFERENCE_PRECISION_HINT"] = _TYPES[spec.precision].get_type_name()
    return config


def compile_graph(
    core: ov.Core, graph: ov.Model, spec: EngineSpec, device: str
) -> ov.CompiledModel:
    """Compile for the lowest latency of one frame. Raises `BackendUnavailable`."""
    try:
        return core.compile_model(graph, device, compile_properties(spec, device))
    except RuntimeError as error:
        raise BackendUnavailable(
            f"OpenVINO cannot compile {graph.get_friendly_name()} for {device} "
            f"in {spec.precision}: {error}"
        ) from error


def checked_precision(compiled: ov.CompiledModel, spec: EngineSpec, device: str) -> str:
    """The arithmetic that the device was given. Raises `BackendUnavailable` if the spec names
    another."""
    given = precision_of(compiled)
    if spec.precision not in ("auto", given):
        raise BackendUnavailable(
            f"precision {quoted(spec.precision)}: {device} has no such arithmetic and would "
            f"compute in {given}. Use 'auto' or {quoted(given)}."
        )
    return given


def precision_of(compiled: ov.CompiledModel) -> str:
    """The arithmetic that the device was given, in our words."""
    chosen = compiled.get_property(hint.inference_precision)
    return next((name for name, kind in _TYPES.items() if kind == chosen), str(chosen))
