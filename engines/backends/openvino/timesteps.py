"""The sinusoids of a UNet's timesteps and sizes, exact in every arithmetic of a device.

A UNet multiplies the timestep by a row of frequencies and takes sine and cosine (Attention Is All
You Need, arXiv 1706.03762, section 3.5). A device that computes in bfloat16, which has eight bits,
makes 1000 of timestep 999, and angles that are off by up to two radians. OpenVINO takes bfloat16 by
itself on CPUs that have it (2026.4), and no attribute of a node keeps float32 there. So the graph
gets tables of sine and cosine, read by an integer: what bfloat16 then costs is 1/256 of a value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops

# Timesteps reach 999, the sides and offsets of a frame SIZE_MAX, 1280.
ROWS_OF_TABLES = 2048
_INPUTS = ("timestep_", "time_ids_")
_WAVES = {"Sin": np.sin, "Cos": np.cos}
# These pass values on as they are, integers too.
_CARRIERS = frozenset(
    (
        "Broadcast",
        "Concat",
        "Convert",
        "Gather",
        "Reshape",
        "Slice",
        "Squeeze",
        "StridedSlice",
        "Tile",
        "Unsqueeze",
    )
)


def tabulate(graph: ov.Model) -> None:
    """Replace sine and cosine of a timestep by tables, in place. The timestep becomes int32."""
    sources: dict[str, Any] = {}
    for body in _bodies(graph):
        for wave in list(body.get_ops()):
            if wave.get_type_name() not in _WAVES:
                continue
            angle = wave.input_value(0).get_node()
            source = _source(angle)
            if source is None:
                continue
            sources[source.get_friendly_name()] = source
            wave.output(0).replace(_looked_up(wave, angle))
    for source in sources.values():
        source.set_element_type(ov.Type.i32)
    if sources:
        for parameter in graph.get_parameters():
            if parameter.get_friendly_name().startswith(_INPUTS):
                parameter.set_element_type(ov.Type.i32)
        graph.validate_nodes_and_infer_types()


def _bodies(graph: ov.Model) -> Iterator[ov.Model]:
    """The graph, and the loops in it."""
    yield graph
    for node in graph.get_ops():
        if node.get_type_name() in ("TensorIterator", "Loop"):
            yield from _bodies(node.get_function())


def _source(angle: ov.Node) -> Any:  # noqa: ANN401  # a Parameter, which has no public type
    """The Parameter that `angle` is a multiple of; None where it is anything else."""
    if angle.get_type_name() != "Multiply" or _frequencies(angle) is None:
        return None
    node = angle.input_value(0).get_node()
    while node.get_type_name() in _CARRIERS:
        node = node.input_value(0).get_node()
    return node if node.get_type_name() == "Parameter" else None


def _frequencies(angle: ov.Node) -> NDArray[np.float32] | None:
    """(1, F), if the second factor is known."""
    factor = angle.input_value(1).get_node()
    return factor.data if factor.get_type_name() == "Constant" else None


def _looked_up(wave: ov.Node, angle: ov.Node) -> ov.Output:
    """(R, F) rows of the table of this wave, by the integers that `angle` multiplies, (R, 1)."""
    frequencies = np.asarray(_frequencies(angle), np.float64).reshape(1, -1)
    table = _WAVES[wave.get_type_name()](np.arange(ROWS_OF_TABLES)[:, None] * frequencies)
    rows = ops.convert(ops.squeeze(angle.input_value(0), ops.constant([1])), ov.Type.i32)
    found = ops.gather(ops.constant(table.astype(np.float32)), rows, ops.constant(0))
    return found.output(0)
