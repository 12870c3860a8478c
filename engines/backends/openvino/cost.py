"""What a frame costs on OpenVINO: its networks alone, its operations, the device's peak."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from engines.api import EngineSpec
from engines.backends.openvino.graphs import choose_device, compile_graph, ops, ov, read_graph
from engines.model import Model, frame_step_graph
from engines.model.shapes import (
    Shapes,
    feature_shapes,
    frame_step_signature,
    input_shapes,
    latent_shape,
)
from engines.step.signature import unet_rows

_PEAK_SIDE = 1024  # large enough to keep every core busy, small enough to run undisturbed


def networks_alone(model: Model, spec: EngineSpec) -> dict[str, Callable[[], None]]:
    """Each network as a function that runs it once, compiled as the frame step was."""
    core = ov.Core()
    device = choose_device(core, spec)
    features = feature_shapes(model, spec)
    named = {f"feature{i}": shape for i, shape in enumerate(features)}
    rows = unet_rows(spec)
    loras: Shapes = {"lora_RN": (rows, len(model.live_loras))} if model.live_loras else {}
    shapes: dict[str, Shapes] = {
        "encoder": {"image_1CHW": (1, 3, spec.height, spec.width)},
        "unet": {
            "latent_RChw": latent_shape(model, spec, rows),
            "timestep_R": (rows,),
            "prompt_RTD": (rows, model.tokens * spec.prompt_chunks, model.width),
            **loras,
        },
        "decoder": {"latent_1Chw": latent_shape(model, spec, 1), **named},
    }
    return {
        name: _ready(compile_graph(core, read_graph(core, model, name, wanted), spec, device))
        for name, wanted in shapes.items()
    }


def frame_flops(model: Model, spec: EngineSpec) -> float:
    """Floating-point operations of one frame: those of its convolutions and matrix products."""
    core = ov.Core()
    shapes = input_shapes(frame_step_signature(model, spec), model, spec)
    graph = read_graph(core, model, frame_step_graph(spec), shapes)
    return float(sum(_flops(node) for node in graph.get_ops()))


def matrix_product(spec: EngineSpec) -> tuple[Callable[[], None], float]:
    """A large matrix product to run on this device, and its operations."""
    core = ov.Core()
    weights = np.random.default_rng(0).normal(size=(_PEAK_SIDE, _PEAK_SIDE)).astype(np.float32)
    left = ops.parameter([_PEAK_SIDE, _PEAK_SIDE], ov.Type.f32)
    right = ops.constant(weights)
    product = ops.matmul(left, right, transpose_a=False, transpose_b=True)
    graph = ov.Model([product], [left], "peak")
    run = _ready(compile_graph(core, graph, spec, choose_device(core, spec)))
    return run, 2.0 * _PEAK_SIDE**3


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
