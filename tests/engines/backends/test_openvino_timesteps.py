"""Timesteps on OpenVINO: sinusoids that no arithmetic of the device rounds."""

import numpy as np
import pytest
from openvino.properties import hint

from engines.api import EngineSpec
from engines.backends.openvino.graphs import ov, read_graph
from engines.backends.openvino.timesteps import ROWS_OF_TABLES
from engines.families import open_model
from engines.model import frame_step_graph
from engines.model.shapes import frame_step_signature, input_shapes
from engines.ranges import SIZE_MAX
from engines.step.schedule import TRAIN_TIMESTEPS

ROWS = 3
STEPS = [
    EngineSpec(width=128, height=128),
    EngineSpec(width=128, height=128, steps=3, guidance_mode="onetime"),
    EngineSpec(width=128, height=128, steps=3, guidance_mode="full", batching="sequential"),
]


def unet_shapes(model):
    return {
        "latent_RChw": (ROWS, model.latent_channels, 16, 16),
        "timestep_R": (ROWS,),
        "prompt_RTD": (ROWS, model.tokens, model.width),
    }


def run(graph, timestep, precision):
    """The first output of `graph` on seeded inputs, in this arithmetic if the CPU has it."""
    compiled = ov.Core().compile_model(graph, "CPU", {hint.inference_precision: precision})
    random, given = np.random.default_rng(0), {}
    for port in compiled.inputs:
        name, shape = port.any_name, tuple(port.shape)
        if name.startswith("timestep"):
            given[name] = np.full(shape, timestep, port.element_type.to_dtype())
        elif name == "frame_HWC":
            given[name] = random.integers(0, 256, shape, np.uint8)
        elif len(shape) == 1:
            given[name] = np.full(shape, 0.7, np.float32)
        else:
            given[name] = random.standard_normal(shape, np.float32)
    return compiled(given)[0].astype(np.float64)


def error(one, other):
    return np.sqrt(np.square(one - other).mean() / np.square(other).mean())


def waves(graph):
    """Sines of the graph and of the loops in it: only a timestep has them."""
    for node in graph.get_ops():
        if node.get_type_name() == "TensorIterator":
            yield from waves(node.get_function())
        if node.get_type_name() == "Sin":
            yield node


@pytest.mark.parametrize("spec", STEPS, ids=frame_step_graph)
def test_a_frame_step_looks_its_sinusoids_up(spec):
    model = open_model(spec)
    shapes = input_shapes(frame_step_signature(model, spec), model, spec)
    name = frame_step_graph(spec)
    tabulated = read_graph(ov.Core(), model, name, shapes)
    plain = ov.Core().read_model(model.graph_file(name))
    plain.reshape({name: list(shape) for name, shape in shapes.items()})
    assert list(waves(plain))
    assert not list(waves(tabulated))
    assert tabulated.input("timestep_S").element_type == ov.Type.i32
    assert error(run(tabulated, 279, ov.Type.f32), run(plain, 279, ov.Type.f32)) < 1e-4


@pytest.mark.parametrize("timestep", [39, 279, 999])
def test_a_unet_is_as_exact_in_bfloat16_as_bfloat16_is(timestep):
    """Without tables: 0.064 at 279 and 0.015 at 999, on OpenVINO 2026.4 and a CPU with AMX. A CPU
    without bfloat16 computes in float32."""
    model = open_model(EngineSpec(width=128, height=128))
    exact, rounded = (
        run(read_graph(ov.Core(), model, "unet", unet_shapes(model)), timestep, precision)
        for precision in (ov.Type.f32, ov.Type.bf16)
    )
    assert error(rounded, exact) < 0.008


def test_the_tables_reach_every_timestep_and_side():
    assert max(TRAIN_TIMESTEPS - 1, SIZE_MAX) < ROWS_OF_TABLES
