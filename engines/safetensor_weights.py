"""ONNX graphs that keep no weights of their own: every initializer points into a safetensors file.

A safetensors file is a header followed by the raw tensors, and ONNX external data is a file name,
an offset and a length. So one copy of the weights serves torch, diffusers and every graph, and
the graphs themselves are small. Weights are float16 in the files; a Cast to float32 in the graph
(folded away when it is compiled) keeps the arithmetic in the backend's hands.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

_SMALLEST = 65  # elements; anything smaller stays inside the graph


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where a float16 tensor lies: file within the model folder, offset and length in bytes."""

    file: str
    offset: int
    length: int
    shape: tuple[int, ...]


def stored_tensors(folder: Path) -> dict[bytes, StoredTensor]:
    """Every float16 tensor in the safetensors files below `folder`, by its raw bytes."""
    found: dict[bytes, StoredTensor] = {}
    for path in sorted(folder.rglob("*.safetensors")):
        data = path.read_bytes()
        (header_length,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8 : 8 + header_length])
        for name in sorted(set(header) - {"__metadata__"}):
            if header[name]["dtype"] != "F16":
                continue
            begin, end = (8 + header_length + position for position in header[name]["data_offsets"])
            file = path.relative_to(folder).as_posix()
            stored = StoredTensor(file, begin, end - begin, tuple(header[name]["shape"]))
            found.setdefault(data[begin:end], stored)
    return found


def share_weights(model: onnx.ModelProto, tensors: dict[bytes, StoredTensor]) -> onnx.ModelProto:
    """`model` with its float32 initializers replaced by references into the stored tensors.

    A Linear layer's weight may be stored transposed; the graph then turns it. What is stored
    nowhere (constants of the graph itself) stays inside.
    """
    nodes: list[NodeProto] = []
    kept: list[TensorProto] = []
    for initializer in model.graph.initializer:
        replaced = _reference(initializer, tensors)
        if replaced is None:
            kept.append(initializer)
            continue
        tensor, chain = replaced
        kept.append(tensor)
        nodes.extend(chain)
    nodes.extend(model.graph.node)
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)
    return model


def strip_descriptions(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` without stack traces and other text: smaller, and the same on every machine."""
    graph = model.graph
    described: Iterable[onnx.NodeProto | onnx.ValueInfoProto | onnx.TensorProto] = [
        *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer,
    ]  # fmt: skip
    for item in described:
        del item.metadata_props[:]
        item.doc_string = ""
    del graph.metadata_props[:], model.metadata_props[:], graph.value_info[:]
    graph.doc_string = model.doc_string = model.producer_version = ""
    return model


def _reference(
    initializer: TensorProto, tensors: dict[bytes, StoredTensor]
) -> tuple[TensorProto, list[NodeProto]] | None:
    """The external tensor that stands for `initializer` and the nodes that make it float32."""
    if initializer.data_type != TensorProto.FLOAT or np.prod(initializer.dims) < _SMALLEST:
        return None
    value = numpy_helper.to_array(initializer)
    with np.errstate(over="ignore"):  # a constant beyond float16 is not a stored weight
        half = value.astype(np.float16)
    if not np.array_equal(half.astype(np.float32), value):
        return None
    stored, turned = _find(half, tensors)
    if stored is None:
        return None
    shape = half.T.shape if turned else half.shape
    name = initializer.name
    tensor = TensorProto(
        name=f"{name}.float16",
        data_type=TensorProto.FLOAT16,
        dims=shape,
        data_location=TensorProto.EXTERNAL,
    )
    for key, entry in (
        ("location", stored.file),
        ("offset", stored.offset),
        ("length", stored.length),
    ):
        tensor.external_data.add(key=key, value=str(entry))
    if not turned:
        return tensor, [helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT)]
    return tensor, [
        helper.make_node("Cast", [tensor.name], [f"{name}.turned"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", [f"{name}.turned"], [name], perm=[1, 0]),
    ]


def _find(
    half: NDArray[np.float16], tensors: dict[bytes, StoredTensor]
) -> tuple[StoredTensor | None, bool]:
    """The stored tensor with these values, and whether it lies transposed."""
    stored = tensors.get(half.tobytes())
    if stored is not None or half.ndim != 2:
        return stored, False
    return tensors.get(half.T.tobytes()), True
