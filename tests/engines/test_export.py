"""The shipped graphs are what the export command writes from the shipped weights, to the byte."""

from functools import cache

import onnx
import pytest

from engines.build import open_model
from engines.export import export_graph, graph_names
from engines.families.nano import load_networks
from engines.model import EMBEDDED
from engines.safetensor_weights import stored_tensors


@cache
def networks():
    return load_networks(open_model("nano"))


def test_every_shipped_graph_is_one_that_the_command_writes():
    assert sorted(file.stem for file in EMBEDDED.glob("*.onnx")) == sorted(graph_names())


@pytest.mark.slow
@pytest.mark.parametrize("name", graph_names())
def test_a_shipped_graph_equals_a_new_export(name, tmp_path):
    file = export_graph(open_model("nano"), networks(), name, stored_tensors(EMBEDDED), tmp_path)
    assert file.read_bytes() == (EMBEDDED / file.name).read_bytes()


@pytest.mark.parametrize("file", sorted(EMBEDDED.glob("*.onnx")), ids=lambda file: file.stem)
def test_graphs_hold_no_weights_of_their_own(file):
    """All but small constants lie in the safetensors files, as float16, within their bounds."""
    assert file.stat().st_size < 250_000
    model = onnx.load(file, load_external_data=False)
    known = {
        (stored.file, stored.offset, stored.length) for stored in stored_tensors(EMBEDDED).values()
    }
    outside = [tensor for tensor in model.graph.initializer if tensor.external_data]
    assert outside
    for tensor in outside:
        place = {entry.key: entry.value for entry in tensor.external_data}
        assert (place["location"], int(place["offset"]), int(place["length"])) in known
        assert tensor.data_type == onnx.TensorProto.FLOAT16


def test_frame_size_and_steps_stay_free():
    for name, free in (("frame_step.single.none", 2), ("frame_step.stream.full", 2)):
        model = onnx.load(EMBEDDED / f"{name}.onnx", load_external_data=False)
        inputs = {tensor.name: tensor.type.tensor_type.shape.dim for tensor in model.graph.input}
        assert sum(bool(dim.dim_param) for dim in inputs["frame_HWC"]) == free
        assert bool(inputs["timestep_S"][0].dim_param) == ("stream" in name)
