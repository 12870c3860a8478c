"""The statistics of a graph's group normalisations: kept of a whole frame, given to a part of it.

A normalisation over a part alone would see other means than over the frame, which changes the
whole look (tests/benchmarks/README.md). So the graph for whole frames says in one more output what
its normalisations saw, and the graph for a part reads that instead of looking itself.

The mean is kept as two numbers, the second being what the first is off by: a device that computes
in bfloat16, which has eight bits, then still subtracts the right one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import openvino as ov
from openvino import opset13 as ops

Statistics = Literal["own", "kept", "given"]
STATISTICS = "statistics_RN3"  # rows of the UNet, groups of all normalisations, three numbers
_PICTURE = 4  # axes of what a group normalisation reads, before the groups are made


def keep_statistics(graph: ov.Model) -> None:
    """Add the output `STATISTICS`, in place: mean, its error and the mean square around it."""
    seen = []
    for norm in _group_norms(graph):
        grouped_RGn = ops.convert(norm.input_value(0), ov.Type.f32)
        mean_RG1 = _mean(grouped_RGn)
        centred_RGn = ops.subtract(grouped_RGn, mean_RG1)
        square_RG1 = _mean(ops.multiply(centred_RGn, centred_RGn))
        seen.append(ops.concat([mean_RG1, _mean(centred_RGn), square_RG1], 2))
    output = ops.result(ops.concat(seen, 1))
    output.output(0).get_tensor().set_names({STATISTICS})
    graph.add_results([output])
    graph.validate_nodes_and_infer_types()


def take_statistics(graph: ov.Model) -> None:
    """Add the input `STATISTICS`, in place, and normalise by it."""
    norms = _group_norms(graph)
    rows, groups = norms[0].input_value(0).get_shape()[:2]
    given = ops.parameter([rows, groups * len(norms), 3], ov.Type.f32, STATISTICS)
    given.output(0).get_tensor().set_names({STATISTICS})
    of_each = ops.split(given, ops.constant(1), len(norms))
    for index, norm in enumerate(norms):
        mean, error, square = ops.split(of_each.output(index), ops.constant(2), 3).outputs()
        variance = ops.subtract(square, ops.multiply(error, error))
        epsilon = ops.constant(np.float32(norm.get_attributes()["eps"]))
        scale = ops.divide(ops.constant(np.float32(1.0)), ops.sqrt(ops.add(variance, epsilon)))
        grouped = ops.convert(norm.input_value(0), ov.Type.f32)
        centred = ops.subtract(ops.subtract(grouped, mean), error)
        normed = ops.convert(ops.multiply(centred, scale), norm.output(0).get_element_type())
        norm.output(0).replace(normed.output(0))
    graph.add_parameters([given])
    graph.validate_nodes_and_infer_types()


def _mean(values: ov.Node) -> ov.Node:
    return ops.reduce_mean(values, ops.constant([2]), keep_dims=True)


def _group_norms(graph: ov.Model) -> list[ov.Node]:
    """In an order that only the file decides. ONNX writes one as InstanceNormalization over (row,
    group, all that is in it), which OpenVINO reads as MVN; a layer's normalisation is no such
    reshape."""
    found = [node for node in graph.get_ops() if _is_group_norm(node)]
    return sorted(found, key=lambda node: node.input_value(0).get_node().get_friendly_name())


def _is_group_norm(node: ov.Node) -> bool:
    if node.get_type_name() != "MVN":
        return False
    grouped = node.input_value(0).get_node()
    if grouped.get_type_name() != "Reshape":
        return False
    before = grouped.input_value(0).get_partial_shape()
    return len(before) == _PICTURE and len(grouped.get_output_partial_shape(0)) == _PICTURE - 1


# What is done to a graph, in place, so that its normalisations have such statistics.
CHANGES: Mapping[Statistics, Callable[[ov.Model], None]] = {
    "own": lambda _graph: None,
    "kept": keep_statistics,
    "given": take_statistics,
}
