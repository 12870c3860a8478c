"""ONNX graphs that keep no weights of their own: every initializer points into a safetensors file.

A safetensors file is a header followed by the raw tensors, and ONNX external data is a file name,
an offset and a length. So one copy of the weights serves torch, diffusers and every graph, and
the graphs themselves are small. Weights are float16 in the files, as in the networks; one that is
float32 in its network gets a Cast in the graph, which is folded away when it is compiled.
"""

from __future__ import annotations

import json
import mmap
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

_WEIGHT_TYPES = (ir.DataType.FLOAT16, ir.DataType.FLOAT)
_SMALLEST = 65  # elements; anything smaller stays inside the graph


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where a float16 tensor lies: file within the model folder, offset and length in bytes."""

    file: str
    offset: int
    length: int
    shape: tuple[int, ...]


Stored = dict[bytes, StoredTensor]  # by the digest of the tensor's raw bytes


def stored_tensors(folder: Path) -> Stored:
    """Every float16 tensor in the safetensors files below `folder`."""
    found: Stored = {}
    for path in sorted(folder.rglob("*.safetensors")):
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as data,
        ):
            for stored in _tensors_of(data, path.relative_to(folder).as_posix()):
                content = data[stored.offset : stored.offset + stored.length]
                found.setdefault(_digest(content), stored)
                content.release()
    return found


def share_weights(model: ir.Model, tensors: Stored, folder: Path) -> ir.Model:
    """`model` with its weights replaced by references into the stored tensors.

    A Linear layer's weight may be stored transposed; the graph then turns it, and widens what is
    float32. What is stored nowhere (constants of the graph itself) stays inside.

    folder  where the model's files are, for code that reads the weights through `model`
    """
    graph = model.graph
    heads = {id(graph): graph[0]}  # for each graph, the node that casts are put before
    for name, value in list(graph.initializers.items()):
        found = _find(value.const_value, tensors)
        if found is None or value.const_value is None:
            continue
        stored, turned = found
        shape = value.const_value.numpy().shape
        turned_shape = ir.Shape(shape[::-1] if turned else shape)
        wide = value.const_value.dtype == ir.DataType.FLOAT
        del graph.initializers[name]
        if not (wide or turned):
            weight = _external(name, stored, turned_shape, folder)
            value.replace_all_uses_with(weight)
        else:
            weight = _external(f"{name}.stored", stored, turned_shape, folder)
            _replace(value, weight, heads, wide=wide, turned=turned)
        graph.register_initializer(weight)
    return model


def strip_descriptions(model: ir.Model) -> ir.Model:
    """`model` without stack traces and other text: smaller, and the same on every machine."""
    model.producer_version = model.doc_string = None
    graphs: list[ir.Graph] = [model.graph]
    model.metadata_props.clear()
    while graphs:
        graph = graphs.pop()
        graph.doc_string = None
        graph.metadata_props.clear()
        values: list[ir.Value] = [*graph.inputs, *graph.initializers.values()]
        for node in graph:
            node.doc_string = None
            node.metadata_props.clear()
            values.extend(node.outputs)
            inner = (attribute for attribute in node.attributes.values())
            graphs.extend(one.as_graph() for one in inner if one.type == ir.AttributeType.GRAPH)
        kept = {id(value) for value in (*graph.inputs, *graph.outputs)}
        for value in values:
            value.doc_string = None
            value.metadata_props.clear()
            if id(value) not in kept:
                value.shape = value.type = None
    return model


def _tensors_of(data: memoryview, file: str) -> Iterable[StoredTensor]:
    (header_length,) = struct.unpack_from("<Q", data)
    header = json.loads(bytes(data[8 : 8 + header_length]))
    for name in sorted(set(header) - {"__metadata__"}):
        if header[name]["dtype"] == "F16":
            begin, end = (8 + header_length + place for place in header[name]["data_offsets"])
            yield StoredTensor(file, begin, end - begin, tuple(header[name]["shape"]))


def _find(tensor: object, tensors: Stored) -> tuple[StoredTensor, bool] | None:
    """The stored tensor with these values, and whether it lies transposed."""
    if not isinstance(tensor, ir.TensorProtocol):
        return None
    if tensor.dtype not in _WEIGHT_TYPES or tensor.size < _SMALLEST:
        return None
    value = tensor.numpy()
    with np.errstate(over="ignore"):  # a constant beyond float16 is not a stored weight
        half = value.astype(np.float16)
    if not np.array_equal(half, value):
        return None
    for turned in (False, True) if half.ndim == 2 else (False,):
        stored = tensors.get(_digest(half.T if turned else half))
        if stored is not None:
            return stored, turned
    return None


def _external(name: str, stored: StoredTensor, shape: ir.Shape, folder: Path) -> ir.Value:
    """The float16 initializer that stands for a stored tensor."""
    kind = ir.DataType.FLOAT16
    tensor = ir.ExternalTensor(
        stored.file, stored.offset, stored.length, kind, shape=shape, name=name, base_dir=folder
    )
    return ir.Value(name=name, shape=shape, type=ir.TensorType(kind), const_value=tensor)


def _replace(
    value: ir.Value, weight: ir.Value, heads: dict[int, ir.Node], *, wide: bool, turned: bool
) -> None:
    """Let every user of `value` read what is made of `weight` in the graph that it is part of."""
    made: dict[int, ir.Value] = {}
    for node, index in list(value.uses()):
        graph = node.graph
        assert isinstance(graph, ir.Graph)
        if id(graph) not in made:
            head = heads.setdefault(id(graph), graph[0])
            suffix = f".{len(made)}" if made else ""
            name = f"{value.name}{suffix}"
            made[id(graph)] = _made_of(weight, name, head, wide=wide, turned=turned)
        node.replace_input_with(index, made[id(graph)])


def _made_of(weight: ir.Value, name: str, head: ir.Node, *, wide: bool, turned: bool) -> ir.Value:
    """The nodes that widen and turn `weight`, put before `head`."""
    nodes: list[ir.Node] = []
    if turned:
        nodes.append(ir.node("Transpose", [weight], attributes={"perm": [1, 0]}))
        nodes[-1].outputs[0].name = f"{name}.turned"
    if wide:
        before = nodes[-1].outputs[0] if nodes else weight
        nodes.append(ir.node("Cast", [before], attributes={"to": int(ir.DataType.FLOAT)}))
    nodes[-1].outputs[0].name = name
    graph = head.graph
    assert graph is not None
    graph.insert_before(head, nodes)
    return nodes[-1].outputs[0]


def _digest(content: memoryview | NDArray[np.float16]) -> bytes:
    if isinstance(content, np.ndarray):
        content = np.ascontiguousarray(content).view(np.uint8).reshape(-1).data
    return blake2b(content, digest_size=16).digest()
