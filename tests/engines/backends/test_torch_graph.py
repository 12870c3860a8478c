"""The step as a graph over buffers that stay, on a CUDA device played by the CPU (fake_cuda)."""

import gc
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from engines.api import GUIDANCE_MODES, Embedding, EngineSpec, Params
from engines.backends.torch import runner as torch_backend
from engines.backends.torch.frame_buffers import StagedInput
from engines.backends.torch.placement import Placement
from engines.backends.torch.stream import STAGES
from engines.build import build
from engines.errors import BackendUnavailable, EngineFailed
from tests.engines.backends import fake_cuda
from tests.engines.backends.fake_cuda import CAPTURED, FakeEvent, FakeGraph
from tests.engines.pictures import moving_picture
from tests.engines.toy import TOKENS, WIDTH, ToyNetworks
from tests.engines.toy_runner import toy_engine

SIZE = 128
SPEC = EngineSpec(width=SIZE, height=SIZE, backend="torch")
STAYS = Placement(torch.device("cpu"), "float32", "graph")  # buffers that stay, without a graph


@pytest.fixture
def graphs(monkeypatch):
    return fake_cuda.install(monkeypatch)


def prompt(random):
    return Embedding(random.normal(size=(TOKENS, WIDTH)).astype(np.float32))


def edits(count, seed=5):
    """Frames with Params of which something changes on two frames out of three; a restart."""
    random = np.random.default_rng(seed)
    params = Params(prompt=prompt(random), negative=prompt(random))
    for number in range(count):
        change = {
            "prompt": prompt(random),
            "negative": prompt(random),
            "strength": random.uniform(0.2, 1.0),
            "guidance_scale": random.uniform(0.0, 2.0),
            "delta": random.uniform(0.0, 1.5),
            "seed": int(random.integers(0, 4)),
        }
        if number % 3:
            name = random.choice(list(change))
            params = replace(params, **{name: change[name]})
        yield random.integers(0, 256, (SIZE, SIZE, 3), np.uint8), params, number == count // 2


def addresses(engine):
    buffers = engine._runner._whole.buffers
    tensors = [t for phase in range(buffers.phases) for t in buffers.inputs(phase)]
    return [t.data_ptr() for t in (*tensors, buffers.image, *buffers._downloads)]


@pytest.mark.parametrize("mode", GUIDANCE_MODES)
@pytest.mark.parametrize(
    ("steps", "batching", "detail"),
    [
        (1, "stream", True),
        (2, "sequential", False),
        (3, "stream", False),
        (3, "stream", True),
    ],
)
def test_replay_equals_eager_and_no_address_moves(graphs, steps, batching, detail, mode):
    """12 frames, live edits, a restart in the middle: the same bytes."""
    spec = replace(SPEC, steps=steps, guidance_mode=mode, batching=batching)
    networks = ToyNetworks(detail=detail)
    eager = toy_engine(networks, spec)
    assert not graphs, "an eager engine captures nothing"
    replayed = toy_engine(networks, spec, placement=CAPTURED)
    at_first = addresses(replayed)
    pictures = set()
    for frame, params, restart in edits(12):
        if restart:
            eager.restart()
            replayed.restart()
        picture = replayed.run(frame, params)
        assert np.array_equal(picture, eager.run(frame, params))
        pictures.add(picture.tobytes())
    assert len(pictures) == 12
    assert addresses(replayed) == at_first
    assert len(graphs) == (steps if detail and batching == "stream" else 1)
    assert all(graph.replays for graph in graphs)
    assert len({graph.pool() for graph in graphs}) == 1, (
        "the graphs of an engine share their memory"
    )


def test_a_graph_whose_weights_were_freed_fails_as_on_a_card(graphs):
    """The stand-in itself: it holds no more than a CUDA graph does."""
    networks = ToyNetworks()
    engine = toy_engine(networks, SPEC, placement=CAPTURED)
    frame, params, _ = next(edits(1))
    engine.run(frame, params)
    networks.weight_OC = networks.weight_OC.clone()
    with pytest.raises(
        EngineFailed, match=r"a graph reads \(4, 3\) torch.float64, which was freed"
    ):
        engine.run(frame, params)


@pytest.mark.parametrize("mode", GUIDANCE_MODES)
def test_buffers_that_stay_equal_buffers_that_are_rebound(mode):
    spec = replace(SPEC, steps=3, guidance_mode=mode)
    networks = ToyNetworks(detail=True)
    engines = [toy_engine(networks, spec), toy_engine(networks, spec, placement=STAYS)]
    at_first = addresses(engines[1])
    for frame, params, _ in edits(8):
        one, other = (engine.run(frame, params) for engine in engines)
        assert np.array_equal(one, other)
    assert addresses(engines[1]) == at_first


def test_two_hundred_edits_act_under_replay(graphs):
    spec = replace(SPEC, steps=2, guidance_mode="onetime")
    networks = ToyNetworks(detail=True)
    engines = [toy_engine(networks, spec), toy_engine(networks, spec, placement=CAPTURED)]
    for frame, params, _ in edits(200, seed=8):
        one, other = (engine.run(frame, params) for engine in engines)
        assert np.array_equal(one, other)


def test_only_what_changed_is_uploaded(graphs, monkeypatch):
    uploaded = []
    fill = StagedInput.fill
    monkeypatch.setattr(
        StagedInput, "fill", lambda self, array: (uploaded.append(self._name), fill(self, array))
    )
    engine = toy_engine(
        ToyNetworks(), replace(SPEC, steps=2, guidance_mode="onetime"), placement=CAPTURED
    )
    frame, params, _ = next(edits(1))

    def uploads(given):
        uploaded.clear()
        engine.run(frame, given)
        return set(uploaded)

    first = uploads(params)
    assert first == {*engine._runner._whole.buffers._staged, "frame_HWC"}
    assert uploads(params) == {"frame_HWC"}
    same = replace(params, delta=params.delta)
    assert uploads(same) == {"frame_HWC"}, "other Params with the same values"
    guided = replace(params, guidance_scale=1.7)
    assert uploads(guided) == {"frame_HWC", "guidance_scale"}
    worded = replace(guided, prompt=prompt(np.random.default_rng(1)))
    assert uploads(worded) == {"frame_HWC", "prompt_TD"}
    assert uploads(replace(worded, seed=9)) == {"frame_HWC", "noise_SChw"}


def test_a_frame_allocates_nothing_outside_the_step(graphs):
    """One upload, one download; an edit adds a copy into a tensor that is there."""
    engine = toy_engine(ToyNetworks(detail=True), replace(SPEC, steps=3), placement=CAPTURED)
    given = list(edits(4))
    for frame, params, _ in given:
        engine.run(frame, params)
    whole = engine._runner._whole
    engine._runner._whole = whole._replace(phases=[lambda: None] * 3)
    seen = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            seen.append(func)
            return func(*args, **(kwargs or {}))

    frame, params, _ = given[-1]
    with Watch():
        engine.run(frame, params)
    assert seen == [torch.ops.aten.copy_.default] * 2, "the picture up, the picture down"
    seen.clear()
    with Watch():
        engine.run(frame, replace(params, seed=77))
        engine.restart()
        engine.run(frame, params)
    assert set(seen) == {torch.ops.aten.copy_.default}


def test_the_host_waits_once_a_frame_and_reads_its_times_then(graphs):
    engine = toy_engine(ToyNetworks(), SPEC, placement=CAPTURED)
    frame, params, _ = next(edits(1))
    before = FakeEvent.waits
    assert engine._runner.stage_ms() == {}
    engine.run(frame, params)
    for number in range(2, 5):
        engine.run(frame, params)
        assert FakeEvent.waits - before == number
    times = engine._runner.stage_ms()
    assert tuple(times) == STAGES
    assert min(times.values()) >= 0
    assert times["step"] > 0


def test_the_host_looks_for_a_moment_before_it_sleeps(graphs, monkeypatch):
    engine = toy_engine(ToyNetworks(), SPEC, placement=CAPTURED)
    frame, params, _ = next(edits(1))
    asked, slept = FakeEvent.asked, FakeEvent.waits
    expected = engine.run(frame, params)
    assert FakeEvent.asked > asked
    assert FakeEvent.waits == slept + 1, "the device was not done"
    monkeypatch.setattr(FakeEvent, "quick", True)
    assert np.array_equal(engine.run(frame, params), expected)
    assert FakeEvent.waits == slept + 1
    assert tuple(engine.stage_ms()) == STAGES


def test_a_set_of_graphs_costs_one_wait_and_one_pool(graphs):
    toy_engine(ToyNetworks(detail=True), replace(SPEC, steps=3), placement=CAPTURED)
    assert len(graphs) == 3
    assert fake_cuda.given_back == [0], "once, before the first"
    assert len({graph.pool() for graph in graphs}) == 1
    toy_engine(ToyNetworks(), SPEC, placement=CAPTURED)
    assert graphs[-1].pool() != graphs[0].pool(), "another engine's may be freed alone"


def test_collections_go_on_after_a_capture_whatever_came_of_it(graphs):
    toy_engine(ToyNetworks(), SPEC, placement=CAPTURED)
    assert gc.isenabled()

    class Reading(ToyNetworks):
        def decode(self, latent_BChw, features):
            return super().decode(latent_BChw * latent_BChw.sum().item(), features)

    with pytest.raises(BackendUnavailable):
        toy_engine(Reading(), SPEC, placement=CAPTURED)
    assert gc.isenabled()
    assert FakeGraph.capturing is None, "the stream can be used again"
    gc.disable()
    try:
        toy_engine(ToyNetworks(), SPEC, placement=CAPTURED)
        assert not gc.isenabled(), "as it was found"
    finally:
        gc.enable()


def test_the_frame_stream_is_urgent_and_the_text_stream_is_not(graphs):
    engine = toy_engine(ToyNetworks(), SPEC, placement=CAPTURED)
    assert engine._runner._stream.stream.priority == -1
    assert fake_cuda.fake_stream(torch.device("cpu")).stream.priority == 0


def test_the_embedded_model_can_be_captured(graphs, monkeypatch):
    """Its networks read nothing from the device, and their replay equals a first run."""
    spec = EngineSpec(
        width=128, height=128, steps=2, guidance_mode="onetime", backend="torch", device="cpu"
    )
    eager = build(spec)
    monkeypatch.setattr(torch_backend, "place", lambda spec: CAPTURED)
    replayed = build(spec)
    assert replayed.spec.execution == "graph"
    assert len(graphs) == 2
    for number, frame in zip(range(4), moving_picture(128, 128), strict=False):
        given = Params(
            prompt=eager.encode("anime"), negative=eager.encode(""), strength=0.3 + 0.1 * number
        )
        difference = replayed.run(frame, given).astype(int) - eager.run(frame, given)
        assert np.abs(difference).max() <= 1


def test_a_closed_engine_hands_its_streams_on(graphs):
    first = toy_engine(ToyNetworks(), SPEC, placement=CAPTURED)
    stream = first._runner._stream.stream
    first.close()
    first.close()
    second, third = (toy_engine(ToyNetworks(), SPEC, placement=CAPTURED) for _ in range(2))
    assert second._runner._stream.stream is stream
    assert third._runner._stream.stream is not stream


def test_a_capture_that_reads_from_the_device_is_found_out(graphs):
    """The fake refuses what CUDA refuses, so the tests above would notice."""

    class Reading(ToyNetworks):
        def decode(self, latent_BChw, features):
            return super().decode(latent_BChw * float(latent_BChw.sum().item() > 0), features)

    with pytest.raises(BackendUnavailable, match=r"graph.*capturing.*'eager'") as caught:
        toy_engine(Reading(), SPEC, placement=CAPTURED)
    assert caught.value.cause == "capture"
