"""The shipped graphs are what the export command writes from the shipped weights, to the byte."""

from functools import cache

import onnx
import pytest

from engines.api import EngineSpec
from engines.families import open_model
from engines.graphs.export import export_graph, graph_names, load_halves
from engines.graphs.weights import stored_tensors
from engines.model import EMBEDDED

# One of each kind: an export takes up to a minute. That every graph computes what torch computes
# is tested for all of them in test_backends.
COMPARED = [
    "text_encoder",
    "encoder",
    "decoder",
    "frame_step.stream.onetime",
    "frame_step.sequential.full",
]


@cache
def modules():
    return load_halves(open_model(EngineSpec()))


def test_every_shipped_graph_is_one_that_the_command_writes():
    assert sorted(file.stem for file in EMBEDDED.glob("*.onnx")) == sorted(graph_names())


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPARED)
def test_a_shipped_graph_equals_a_new_export(name, tmp_path):
    model = open_model(EngineSpec())
    file = export_graph(model, modules(), name, stored_tensors(EMBEDDED), tmp_path)
    assert file.read_bytes() == (EMBEDDED / file.name).read_bytes()


@pytest.mark.parametrize("file", sorted(EMBEDDED.glob("*.onnx")), ids=lambda file: file.stem)
def test_graphs_hold_no_weights_of_their_own(file):
    """All but small constants lie in the safetensors files, as float16, within their bounds."""
    assert file.stat().st_size < 350_000
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


@pytest.mark.parametrize("kind", ["single", "stream", "sequential"])
def test_frame_size_steps_and_prompt_length_stay_free(kind):
    model = onnx.load(EMBEDDED / f"frame_step.{kind}.full.onnx", load_external_data=False)
    inputs = {tensor.name: tensor.type.tensor_type.shape.dim for tensor in model.graph.input}
    assert sum(bool(dim.dim_param) for dim in inputs["frame_HWC"]) == 2
    assert [bool(dim.dim_param) for dim in inputs["prompt_TD"]] == [True, False]
    assert bool(inputs["timestep_S"][0].dim_param) == (kind != "single")


def test_steps_one_by_one_hold_the_unet_once():
    """The Scan's body is the step; the graph does not grow with S."""
    model = onnx.load(EMBEDDED / "frame_step.sequential.self.onnx", load_external_data=False)
    scans = [node for node in model.graph.node if node.op_type == "Scan"]
    assert len(scans) == 1
    single = (EMBEDDED / "frame_step.single.self.onnx").stat().st_size
    assert (EMBEDDED / "frame_step.sequential.self.onnx").stat().st_size < 1.1 * single
