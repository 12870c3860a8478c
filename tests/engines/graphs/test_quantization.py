"""FP8: which layers multiply in float8, and how near the picture stays, on OpenVINO and torch."""

import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from engines.api import EngineSpec, Params
from engines.backends.openvino.graphs import ov
from engines.backends.openvino.runner import OpenVinoRunner
from engines.backends.tensorrt import plans
from engines.backends.tensorrt.flavour import RTX, open_flavour
from engines.backends.tensorrt.plans import write_plans
from engines.build import build
from engines.errors import BackendUnavailable
from engines.families import family, open_model
from engines.graphs.export import with_graphs
from engines.graphs.quantization import calibrate, quantised_layers, rounded
from engines.step.frame_step import FrameStep
from engines.stream import StreamEngine
from tests.engines.pictures import moving_picture
from tests.engines.tiny_models import write_tiny_model

SPEC = EngineSpec(width=208, height=144, guidance_mode="self", precision="fp8")
NAME = "frame_step.single.self.fp8"


def psnr(one, other):
    error = np.mean((one.astype(float) - other.astype(float)) ** 2)
    return 10 * np.log10(255**2 / error)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def quantised(cache):
    """The embedded model with its quantised graph, calibrated and written once."""
    return with_graphs(open_model(SPEC), ["text_encoder", NAME])


def pictures(engine, count=4):
    given = Params(prompt=engine.encode("anime"), negative=engine.encode(""), strength=0.7)
    frames = moving_picture(SPEC.width, SPEC.height)
    return [engine.run(frame, given) for frame, _ in zip(frames, range(count), strict=False)]


@pytest.mark.slow
def test_the_pictures_of_the_embedded_model_stay_near(quantised):
    """The graph itself, by OpenVINO. 30 dB at least; measured: tests/benchmarks/README.md."""
    spec = replace(SPEC, precision="float32", backend="openvino")
    plain = build(spec)
    file = quantised.graph_file(NAME)
    shutil.copyfile(file, file.with_name(f"{NAME.removesuffix('.fp8')}.onnx"))
    other = StreamEngine(spec, quantised, OpenVinoRunner(ov.Core(), quantised, spec, "CPU"))
    near = [psnr(*pair) for pair in zip(pictures(plain), pictures(other), strict=True)]
    print("fp8 against float32, dB:", *(f"{one:.1f}" for one in near))
    assert min(near) > 30
    assert max(near) < 70, "something was rounded"


@pytest.mark.slow
def test_the_graph_has_pairs_where_it_should_and_no_weights(quantised):
    file = quantised.graph_file(NAME)
    graph = onnx.load(file, load_external_data=False).graph
    networks, _ = family("nano").load(quantised)
    kinds = [node.op_type for node in graph.node]
    restored = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    users = [node for node in graph.node if len(node.input) > 1 and {*node.input[:2]} <= restored]
    assert len(users) == len(quantised_layers(networks))
    assert {node.op_type for node in users} == {"Conv", "MatMul", "Gemm"} & {
        node.op_type for node in users
    }
    assert kinds.count("QuantizeLinear") == kinds.count("DequantizeLinear")
    assert file.stat().st_size < 500_000, "weights stay in their own file"


def test_the_ends_the_time_and_the_autoencoder_stay_float16():
    networks, _ = family("nano").load(open_model(EngineSpec()))
    names = set(quantised_layers(networks))
    kept = {name for name, layer in networks.unet.named_modules()
            if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear)} - names  # fmt: skip
    assert {"conv_in", "conv_out", "time_embedding.linear_1", "time_embedding.linear_2"} <= kept
    assert any(name.endswith("time_emb_proj") for name in kept)
    assert "down_blocks.0.resnets.0.conv1" in names
    assert len(names) > 50


@pytest.mark.parametrize("name", ["sd15", "sd_turbo", "sdxl_turbo", "sdxs"])
def test_every_family_is_calibrated(name, tmp_path):
    spec = EngineSpec(model=str(write_tiny_model(name, tmp_path / "m")), autoencoder="own")
    model = open_model(spec)
    networks, text = family(name).load(model)
    scales = calibrate(model, networks, text)
    assert set(scales) == set(quantised_layers(networks))
    assert min(scales.values()) > 0
    assert calibrate(model, networks, text) == scales, "the same every time"


def test_what_torch_rounds_is_put_back(tmp_path):
    model = open_model(
        EngineSpec(model=str(write_tiny_model("sd_turbo", tmp_path)), autoencoder="own")
    )
    networks, text = family("sd_turbo").load(model)
    scales = calibrate(model, networks, text)
    step = FrameStep(networks, steps=1, guidance_mode="none")
    before = {name: value.clone() for name, value in networks.state_dict().items()}
    latent, words = torch.randn(1, 4, 16, 16), torch.randn(1, 77, 1024)
    exact = step.networks.denoise(latent, torch.ones(1), words)
    with rounded(networks, scales):
        near = step.networks.denoise(latent, torch.ones(1), words)
    assert torch.equal(exact, step.networks.denoise(latent, torch.ones(1), words))
    assert all(torch.equal(before[name], value) for name, value in networks.state_dict().items())
    error = float((near - exact).norm() / exact.norm())
    assert 0 < error < 0.2


@pytest.mark.slow
@pytest.mark.parametrize(("steps", "batching"), [(1, "stream"), (2, "sequential")])
def test_tensorrt_builds_it_for_ada_without_a_card(cache, steps, batching):
    spec = replace(SPEC, steps=steps, batching=batching)
    model, rtx = open_model(spec), open_flavour(RTX)
    written = write_plans(model, spec, rtx, "sm89", lambda _stage: None)
    half = plans.plans_for(model, replace(spec, precision="float16"), rtx, "sm89")
    assert half.frame_step != written.frame_step
    assert half.text_encoder == written.text_encoder
    assert plans.plans_for(model, replace(spec, precision="auto"), rtx, "sm89") == half
    assert written.frame_step.stat().st_size > 5_000_000


@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_other_backends_refuse_it_before_anything_is_written(backend, cache):
    with pytest.raises(BackendUnavailable, match=f"'fp8' is TensorRT's, not {backend}'s"):
        build(replace(SPEC, backend=backend, device="cpu"))
