"""What an engine costs, measured: the frame, its three networks alone, and the machine's peak.

For benchmarks. OpenVINO only: the shipped graphs hold each network alone beside the frame step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from statistics import median
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from engines.api import Engine, EngineSpec, Params
from engines.backends._openvino_graphs import (
    choose_device,
    compile_graph,
    feature_shapes,
    frame_step_shapes,
    latent_shape,
    ops,
    ov,
    read_graph,
)
from engines.model import Model, frame_step_graph

_PEAK_SIDE = 2048  # a matrix product that fills the caches and keeps every core busy
_PEAK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds of single runs that took turns, so that a busy moment hits all alike.

    engine    `Engine.run`
    networks  for each network, one run alone
    """

    engine: list[float]
    networks: dict[str, list[float]]

    @property
    def networks_ms(self) -> float:
        """Sum of the networks' medians."""
        return sum(median(times) for times in self.networks.values())


def time_in_turns(
    engine: Engine,
    params: Params,
    frames: Iterator[NDArray[np.uint8]],
    networks: dict[str, Callable[[], None]],
    seconds: float,
) -> Timings:
    """Run the engine and each network in turn for `seconds`."""
    picture = np.empty((engine.spec.height, engine.spec.width, 3), np.uint8)
    timings = Timings([], {name: [] for name in networks})
    engine.run(next(frames), params, picture)
    deadline = perf_counter() + seconds
    while perf_counter() < deadline:
        frame = next(frames)
        timings.engine.append(_milliseconds(lambda: engine.run(frame, params, picture)))  # noqa: B023
        for name, run in networks.items():
            timings.networks[name].append(_milliseconds(run))
    return timings


def networks_alone(model: Model, spec: EngineSpec) -> dict[str, Callable[[], None]]:
    """Each network as a function that runs it once, compiled as the frame step was."""
    core = ov.Core()
    device = choose_device(core, spec)
    features = feature_shapes(model, spec)
    named = {f"feature{i}": shape for i, shape in enumerate(features)}
    rows = unet_rows(spec)
    shapes: dict[str, dict[str, list[int]]] = {
        "encoder": {"image_1CHW": [1, 3, spec.height, spec.width]},
        "unet": {
            "latent_RChw": latent_shape(model, spec, rows),
            "timestep_R": [rows],
            "prompt_RTD": [rows, model.tokens, model.width],
        },
        "decoder": {"latent_1Chw": latent_shape(model, spec, 1), **named},
    }
    return {
        name: _ready(compile_graph(core, read_graph(core, model, name, wanted), spec, device))
        for name, wanted in shapes.items()
    }


def unet_rows(spec: EngineSpec) -> int:
    """R: rows of the UNet's batch in the stream batch."""
    extra = {"full": spec.steps, "onetime": 1}
    return spec.steps + extra.get(spec.guidance_mode, 0)


def frame_flops(model: Model, spec: EngineSpec) -> float:
    """Floating-point operations of one frame: those of its convolutions and matrix products."""
    core = ov.Core()
    graph = read_graph(core, model, frame_step_graph(spec), frame_step_shapes(model, spec))
    return float(sum(_flops(node) for node in graph.get_ops()))


def peak_flops(spec: EngineSpec) -> float:
    """The most operations a second that this device does for a large matrix product."""
    core = ov.Core()
    weights = np.random.default_rng(0).normal(size=(_PEAK_SIDE, _PEAK_SIDE)).astype(np.float32)
    left = ops.parameter([_PEAK_SIDE, _PEAK_SIDE], ov.Type.f32)
    right = ops.constant(weights)
    product = ops.matmul(left, right, transpose_a=False, transpose_b=True)
    graph = ov.Model([product], [left], "peak")
    run = _ready(compile_graph(core, graph, spec, choose_device(core, spec)))
    fastest = float("inf")
    deadline = perf_counter() + _PEAK_SECONDS
    while perf_counter() < deadline:
        fastest = min(fastest, _milliseconds(run))
    return 2.0 * _PEAK_SIDE**3 / (fastest * 1e-3)


def _ready(compiled: ov.CompiledModel) -> Callable[[], None]:
    """A function that runs `compiled` once on inputs that are bound for good; warmed up."""
    request = compiled.create_infer_request()
    random = np.random.default_rng(0)
    for port in compiled.inputs:
        tensor = request.get_tensor(port)
        tensor.data[...] = random.random(tuple(port.get_shape())) + 0.1

    def run() -> None:
        request.infer()

    run()
    return run


def _flops(node: ov.Node) -> int:
    """Operations of one node, a multiplication and an addition counted as two."""
    kind = node.get_type_name()
    if kind in ("Convolution", "GroupConvolution"):
        taps = prod(node.input(1).get_shape()[-3:])
        return int(2 * prod(node.output(0).get_shape()) * taps)
    if kind == "MatMul":
        shape = node.input(0).get_shape()
        inner = shape[-2] if node.get_attributes()["transpose_a"] else shape[-1]
        return int(2 * prod(node.output(0).get_shape()) * inner)
    return 0


def _milliseconds(run: Callable[[], object]) -> float:
    began = perf_counter()
    run()
    return (perf_counter() - began) * 1e3
