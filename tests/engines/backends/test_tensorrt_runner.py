"""The TensorRT backend over a runtime played by the CPU: addresses, state, failures, swaps."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch

from engines.api import GUIDANCE_MODES
from engines.backends.tensorrt import runner as tensorrt
from engines.backends.tensorrt.engine import PlanOnDevice
from engines.backends.tensorrt.flavour import CLASSIC, RTX
from engines.backends.tensorrt.plan import FRAME_STEP, TEXT_ENCODER
from engines.backends.torch.frame_buffers import StagedInput
from engines.errors import BackendUnavailable, EngineFailed
from engines.model import EMBEDDED, Plans
from engines.model.shapes import frame_step_signature, input_shapes
from engines.step.frame_step import FrameStep
from engines.stream import StreamEngine
from tests.engines.backends import fake_cuda
from tests.engines.backends.fake_cuda import CAPTURED, FakeEvent, LateStream
from tests.engines.backends.fake_tensorrt import (
    EngineInvalidityDiagnostics,
    EngineValidity,
    FakeTensorRt,
    Plan,
    fake_flavour,
)
from tests.engines.backends.test_torch_graph import SPEC, edits
from tests.engines.toy import TOKENS, WIDTH, ToyNetworks
from tests.engines.toy_runner import toy_engine, toy_model

SPEC = replace(SPEC, backend="tensorrt")
SHAPES = [(1, "stream", True), (2, "sequential", False), (2, "stream", False), (3, "stream", False),
          (3, "stream", True), (4, "stream", True)]  # fmt: skip


@pytest.fixture
def graphs(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a card")
    monkeypatch.setattr("engines.artifacts.user_cache_path", lambda *_, **__: tmp_path / "cache")
    return fake_cuda.install(monkeypatch)


class Words(torch.nn.Module):
    """tokens_NT → tokens_TD: every token as a row of itself."""

    def forward(self, tokens_NT):
        return (tokens_NT[0, :, None].float().expand(TOKENS, WIDTH),)


class Bench:
    """A toy model whose plans the fake runtime knows, and engines of it."""

    def __init__(self, folder, spec, networks=None):
        self.networks = networks or ToyNetworks()
        self.spec = spec
        self.trt = FakeTensorRt()
        self.model = toy_model(self.networks)
        self.model.plans = Plans(folder / FRAME_STEP, folder / TEXT_ENCODER)
        self.model.tokenizer_files = (EMBEDDED / "tokenizer" / "tokenizer.json",)
        step = FrameStep(self.networks, steps=spec.steps, guidance_mode=spec.guidance_mode,
                         batching=spec.batching)  # fmt: skip
        self.add(FRAME_STEP, step, self.tensors(), step.signature.outputs)
        text = {
            "tokens_NT": ((1, TOKENS), torch.int64),
            "tokens_TD": ((TOKENS, WIDTH), torch.float32),
        }
        self.add(TEXT_ENCODER, Words(), text, ("tokens_TD",))

    def tensors(self):
        """Name → (shape, dtype) of the frame step's inputs and outputs."""
        signature = frame_step_signature(self.model, self.spec)
        shapes = input_shapes(signature, self.model, self.spec)
        found = {name: (shape, torch.float32) for name, shape in shapes.items()}
        frame = (shapes["frame_HWC"], torch.uint8)
        found |= {"frame_HWC": frame, "image_HWC": frame}
        found |= {f"next_{name}": found[name] for name in signature.state}
        found |= {name.removeprefix("delayed_"): found[name] for name in signature.delayed}
        return found

    def add(self, name, module, tensors, outputs):
        content = f"the plan {name}".encode()
        (self.model.plans.frame_step.parent / name).write_bytes(content)
        self.trt.plans[content] = Plan(module, tensors, tuple(outputs))

    def engine(self, flavour=RTX, placement=CAPTURED):
        loaded = fake_flavour(self.trt, flavour)
        runner = tensorrt.load_runner(loaded, self.model, self.spec, placement)
        return StreamEngine(self.spec, self.model, runner)


@pytest.mark.parametrize("mode", GUIDANCE_MODES)
@pytest.mark.parametrize(("steps", "batching", "detail"), SHAPES)
def test_tensorrt_equals_torch_and_no_address_moves(
    graphs, tmp_path, steps, batching, detail, mode
):
    """12 frames, live edits, a restart in the middle: the same bytes."""
    spec = replace(SPEC, steps=steps, guidance_mode=mode, batching=batching)
    bench = Bench(tmp_path, spec, ToyNetworks(detail=detail))
    ours, eager = bench.engine(), toy_engine(bench.networks, spec)
    at_first = [dict(context.addresses) for context in bench.trt.contexts]
    for frame, params, restart in edits(12):
        if restart:
            ours.restart()
            eager.restart()
        assert np.array_equal(ours.run(frame, params), eager.run(frame, params))
    assert [context.addresses for context in bench.trt.contexts] == at_first
    assert not graphs, "TensorRT-RTX captures its own graphs"


@pytest.mark.parametrize(("steps", "batching", "detail"), SHAPES)
def test_state_goes_from_one_set_to_the_other_without_a_copy(
    graphs, tmp_path, monkeypatch, steps, batching, detail
):
    bench = Bench(
        tmp_path, replace(SPEC, steps=steps, batching=batching, guidance_mode="self"),
        ToyNetworks(detail=detail),
    )  # fmt: skip
    engine = bench.engine()
    given = list(edits(6))
    for frame, params, _ in given[:2]:
        engine.run(frame, params)
    copied = []
    copy = torch.Tensor.copy_
    monkeypatch.setattr(
        torch.Tensor,
        "copy_",
        lambda self, *a, **k: (copied.append(self.shape), copy(self, *a, **k))[1],
    )
    monkeypatch.setattr(
        "tests.engines.backends.fake_tensorrt.FakeContext._run", lambda self, addresses: None
    )
    frame, params = given[1][:2]
    for _ in range(4):
        engine.run(frame, params)
    assert copied == [frame.shape] * 8, "the frame up and the picture down"


def test_the_contexts_share_their_scratch_memory_and_one_stream(graphs, tmp_path):
    bench = Bench(tmp_path, replace(SPEC, steps=3), ToyNetworks(detail=True))
    engine = bench.engine()
    frame, params, _ = next(edits(1))
    for _ in range(4):
        engine.run(frame, params)
    frames = [context for context in bench.trt.contexts if "frame_HWC" in context.addresses]
    assert len(frames) == 4
    assert len({context.memory for context in frames}) == 1
    assert len({stream for context in frames for stream in context.streams}) == 1


def test_a_frame_waits_once(graphs, tmp_path):
    engine = Bench(tmp_path, SPEC).engine()
    frame, params, _ = next(edits(1))
    before = FakeEvent.waits
    for _ in range(3):
        engine.run(frame, params)
    assert FakeEvent.waits == before + 3
    assert all(value >= 0 for value in engine.stage_ms().values())


def two_in_flight(engine, given):
    """The pictures, with every frame started before the one before it is finished."""
    pictures = []
    for number, (frame, params, _) in enumerate(given):
        engine.start(frame, params)
        frame[...] = 7  # it is the caller's again
        if number:
            pictures.append(engine.finish())
    return [*pictures, engine.finish()]


@pytest.fixture
def late(graphs, monkeypatch):
    """Streams on which nothing happens before the host waits."""
    monkeypatch.setattr(tensorrt, "CudaStream", LateStream)
    monkeypatch.setattr(LateStream, "by_handle", {})


@pytest.mark.parametrize(("steps", "batching", "detail"), SHAPES)
def test_two_frames_in_flight_are_the_same_pictures(late, tmp_path, steps, batching, detail):
    """Live edits on every frame, while the device has not even begun the frame before."""
    spec = replace(SPEC, steps=steps, batching=batching, guidance_mode="onetime")
    bench = Bench(tmp_path, spec, ToyNetworks(detail=detail))
    eager = toy_engine(bench.networks, spec)
    expected = [eager.run(frame, params) for frame, params, _ in edits(12)]
    for one, other in zip(two_in_flight(bench.engine(), edits(12)), expected, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("lacking", ["upload", "download"])
def test_that_takes_two_buffers_of_the_host(late, tmp_path, monkeypatch, lacking):
    """The test above can fail: with one buffer instead of two the pictures are others."""
    bench = Bench(tmp_path, SPEC)
    eager = toy_engine(bench.networks, SPEC)
    expected = [eager.run(frame, params) for frame, params, _ in edits(6)]
    engine = bench.engine()
    buffers = engine._runner._whole.buffers
    if lacking == "upload":
        buffers.frame._hosts[1], buffers.frame._views[1] = (
            buffers.frame._hosts[0],
            buffers.frame._views[0],
        )
    else:
        buffers._downloads[1], buffers._pictures[1] = buffers._downloads[0], buffers._pictures[0]
        monkeypatch.setattr(LateStream, "_wait_for", lambda self, slot: run_all(self))
    found = two_in_flight(engine, edits(6))
    assert not all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))


def run_all(stream):
    """A device that is faster than the host: all that was queued is done."""
    while stream.work:
        work = stream.work.popleft()
        if callable(work):
            work()


def test_closing_waits_for_the_frames_in_flight(late, tmp_path):
    engine = Bench(tmp_path, SPEC).engine()
    frame, params, _ = next(edits(1))
    engine.start(frame, params)
    engine.start(frame, params)
    stream = engine._runner._stream
    engine.close()
    assert not stream.work


def test_only_what_changed_is_uploaded(graphs, tmp_path, monkeypatch):
    engine = Bench(tmp_path, SPEC).engine()
    frame, params, _ = next(edits(1))
    engine.run(frame, params)
    uploaded = []
    fill = StagedInput.fill
    monkeypatch.setattr(
        StagedInput, "fill", lambda self, array: (uploaded.append(self._name), fill(self, array))
    )
    engine.run(frame, params)
    assert uploaded == ["frame_HWC"]


def test_the_other_tensorrt_is_captured_by_us(graphs, tmp_path):
    spec = replace(SPEC, steps=3)
    bench = Bench(tmp_path, spec, ToyNetworks(detail=True))
    ours, eager = bench.engine(CLASSIC), toy_engine(bench.networks, spec)
    assert len(graphs) == 4, "one CUDA graph a phase"
    for frame, params, _ in edits(12):
        assert np.array_equal(ours.run(frame, params), eager.run(frame, params))


@pytest.mark.parametrize("flavour", [CLASSIC, RTX])
def test_what_a_graph_uses_stays_until_the_engine_is_closed(graphs, tmp_path, monkeypatch, flavour):
    """TensorRT frees an engine's weights, and torch its scratch memory, with the last reference."""
    held = {}
    opened = PlanOnDevice.__init__

    def spied(plan, flavour, path, device, *, graph):
        opened(plan, flavour, path, device, graph=graph)
        held[path.name] = [weakref.ref(one) for one in (plan, plan._engine, plan._scratch)]

    monkeypatch.setattr(PlanOnDevice, "__init__", spied)
    bench = Bench(tmp_path, replace(SPEC, steps=1))
    engine = bench.engine(flavour)
    gc.collect()
    assert [one() is not None for refs in held.values() for one in refs] == [True] * 6
    assert len(list(bench.trt.contexts)) == 2
    engine.close()
    del engine
    graphs.clear()
    gc.collect()
    assert [one() is not None for refs in held.values() for one in refs] == [False] * 6
    assert list(bench.trt.contexts) == []


def test_without_graphs(graphs, tmp_path):
    bench = Bench(tmp_path, replace(SPEC, steps=2))
    ours = bench.engine(placement=Eager(CAPTURED.device, "float32", "eager"))
    torchs = toy_engine(bench.networks, bench.spec)
    for frame, params, _ in edits(4):
        assert np.array_equal(ours.run(frame, params), torchs.run(frame, params))
    assert {context.how.cuda_graph_strategy.name for context in bench.trt.contexts} == {"DISABLED"}


class Eager(type(CAPTURED)):
    """A CPU said to be a card on which nothing is captured."""

    @property
    def captured(self):
        return False


@pytest.mark.parametrize("mode", GUIDANCE_MODES)
@pytest.mark.parametrize(("steps", "batching", "detail"), SHAPES)
@pytest.mark.parametrize("frames", [1, 2, 5])
def test_it_takes_over_the_frames_in_flight(
    graphs, tmp_path, frames, steps, batching, detail, mode
):
    """From torch and back, between two frames: the pictures are those of one engine."""
    spec = replace(SPEC, steps=steps, guidance_mode=mode, batching=batching)
    bench = Bench(tmp_path, spec, ToyNetworks(detail=detail))
    alone, first, back = (toy_engine(bench.networks, spec) for _ in range(3))
    second = bench.engine()
    running = first
    for number, (frame, params, _) in enumerate(edits(3 * frames + 3)):
        following = {frames: second, 2 * frames + 1: back}.get(number, running)
        if following is not running:
            assert following.take_over(running)
            running.close()
            running = following
        assert np.array_equal(running.run(frame, params), alone.run(frame, params)), number


def test_it_takes_over_nothing_of_another_shape(graphs, tmp_path):
    ours = Bench(tmp_path, replace(SPEC, steps=2)).engine()
    frame, params, _ = next(edits(1))
    expected = ours.run(frame, params)
    ours.restart()
    other = toy_engine(ToyNetworks(), replace(SPEC, steps=3))
    other.run(frame, params)
    assert not ours.take_over(other)
    assert np.array_equal(ours.run(frame, params), expected)


def test_an_engine_that_never_ran_has_nothing_to_take_over(graphs, tmp_path):
    bench = Bench(tmp_path, replace(SPEC, steps=2))
    ours = bench.engine()
    assert ours.take_over(toy_engine(bench.networks, bench.spec))
    frame, params, _ = next(edits(1))
    fresh = toy_engine(bench.networks, bench.spec)
    assert np.array_equal(ours.run(frame, params), fresh.run(frame, params))


@pytest.mark.parametrize(
    ("failing", "doing"),
    [
        ("deserialize_cuda_engine", "could not load .*frame_step.plan"),
        ("create_execution_context", "could not prepare .*frame_step.plan"),
        ("set_tensor_address", "could not bind frame_HWC of .*frame_step.plan"),
        ("execute_async_v3", "could not run a frame"),
    ],
)
def test_a_call_that_fails_is_an_error_with_the_words_of_the_log(graphs, tmp_path, failing, doing):
    bench = Bench(tmp_path, SPEC)
    bench.trt.failing = failing
    kind = EngineFailed if failing == "execute_async_v3" else BackendUnavailable
    with pytest.raises(kind, match=rf"TensorRT-RTX 1\.0\.fake {doing}: .*out of luck"):
        bench.engine()


def test_a_frame_that_fails_names_the_way_out(graphs, tmp_path):
    bench = Bench(tmp_path, SPEC)
    engine = bench.engine()
    frame, params, _ = next(edits(1))
    expected = engine.run(frame, params)
    bench.trt.failing = "execute_async_v3"
    with pytest.raises(EngineFailed, match=r"out of luck.*--backend torch"):
        engine.run(frame, params)
    bench.trt.failing = ""
    assert np.array_equal(engine.run(frame, params), expected)


def test_a_plan_that_is_not_for_this_card_is_refused_before_it_is_loaded(graphs, tmp_path):
    bench = Bench(tmp_path, SPEC)
    found = (
        EngineInvalidityDiagnostics.UNSUPPORTED_CC | EngineInvalidityDiagnostics.VERSION_MISMATCH
    )
    bench.trt.validity = (EngineValidity.INVALID, int(found))
    bench.trt.plans.clear()
    with pytest.raises(BackendUnavailable, match=r"take .*: version mismatch, unsupported cc\."):
        bench.engine()


def test_a_tensor_of_another_size_is_refused_and_never_bound(graphs, tmp_path):
    bench = Bench(tmp_path, SPEC)
    bench.spec = replace(SPEC, width=256)
    with pytest.raises(BackendUnavailable, match=r"frame_HWC is .*128, 128.* not .*128, 256"):
        bench.engine()
    assert not any(context.addresses for context in bench.trt.contexts)


def test_other_inputs_are_named(graphs, tmp_path):
    bench = Bench(tmp_path, SPEC)
    bench.spec = replace(SPEC, guidance_mode="self")
    with pytest.raises(
        BackendUnavailable, match=r"other inputs and outputs: delta, guidance_scale"
    ):
        bench.engine()


def test_kernels_are_kept_for_the_next_start(graphs, tmp_path):
    bench = Bench(tmp_path, SPEC)
    bench.engine()
    kept = list((tmp_path / "cache" / "tensorrt-kernels").glob("*.cache"))
    assert len(kept) == 2, "frame step and text encoder"
    written = [file.stat().st_mtime_ns for file in kept]
    bench.engine()
    assert [cache.loaded for cache in bench.trt.caches] == [None, None, b"kernels", b"kernels"]
    assert [file.stat().st_mtime_ns for file in kept] == written
    bench.trt.stale_cache = True
    bench.engine()
    assert [file.stat().st_mtime_ns for file in kept] != written, "refused, so written anew"


@pytest.mark.parametrize("trouble", ["used", "saved", "written", "read"])
def test_kernels_that_cannot_be_kept_cost_no_engine(graphs, tmp_path, caplog, trouble):
    bench = Bench(tmp_path, replace(SPEC, steps=1))
    bench.trt.failing = {"used": "set_runtime_cache", "saved": "serialize"}.get(trouble, "")
    folder = tmp_path / "cache" / "tensorrt-kernels"
    if trouble == "written":
        folder.parent.mkdir()
        folder.write_text("a file where a folder should be")
    if trouble == "read":
        bench.engine().close()
        for file in folder.glob("*.cache"):
            file.unlink()
            file.mkdir()
    engine, eager = bench.engine(), toy_engine(bench.networks, bench.spec)
    for frame, params, _ in edits(3):
        assert np.array_equal(engine.run(frame, params), eager.run(frame, params))
    assert f"cannot be {trouble}, so the next start compiles them again: " in caplog.text
    assert ("out of luck" in caplog.text) == bool(bench.trt.failing)


def test_prompts_come_from_the_plan(graphs, tmp_path):
    engine = Bench(tmp_path, SPEC).engine()
    tokens = np.arange(TOKENS, dtype=np.int64)[None]
    first = engine._runner.encode_tokens(tokens)
    second = engine._runner.encode_tokens(tokens + 1)
    assert first.tokens_TD[:, 0].tolist() == list(range(TOKENS)), "not overwritten by the second"
    assert second.tokens_TD[:, 0].tolist() == list(range(1, TOKENS + 1))


def test_a_closed_engine_says_so(graphs, tmp_path):
    engine = Bench(tmp_path, SPEC).engine()
    engine.close()
    engine.close()
    frame, params, _ = next(edits(1))
    with pytest.raises(EngineFailed, match="closed"):
        engine.run(frame, params)
    with pytest.raises(EngineFailed, match="closed"):
        engine._runner.encode_tokens(np.zeros((1, TOKENS), np.int64))


def test_what_torch_keeps_is_given_back_before_a_plan_is_loaded(graphs, tmp_path, monkeypatch):
    bench, happened = Bench(tmp_path, SPEC), []
    load = bench.trt.load
    monkeypatch.setattr(tensorrt, "give_back", lambda device: happened.append("given back"))
    monkeypatch.setattr(bench.trt, "load", lambda data: happened.append("loaded") or load(data))
    bench.engine()
    assert happened == ["given back", "loaded", "loaded"]


def test_a_closed_engine_gives_back_what_it_had(graphs, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(
        "engines.backends.torch.device_runner.give_back_later",
        lambda device: given.append(list(bench.trt.contexts)),
    )
    bench = Bench(tmp_path, SPEC)
    engine = bench.engine()
    frame, params, _ = next(edits(1))
    engine.run(frame, params)
    engine.close()
    assert given == [[]], "once, when its contexts are gone"
    engine.close()
    assert given == [[]]


def test_engines_share_the_text_encoder_of_their_model(graphs, tmp_path):
    bench = Bench(tmp_path, SPEC)
    first, second = bench.engine(), bench.engine()
    shared = weakref.ref(second._runner._text)
    assert first._runner._text is shared()
    tokens = np.arange(TOKENS, dtype=np.int64)[None]
    first.close()
    assert second._runner.encode_tokens(tokens).tokens_TD[:, 0].tolist() == list(range(TOKENS))
    stream = second._runner._text._stream.stream
    second.close()
    gc.collect()
    assert shared() is None
    again = bench.engine()
    assert again._runner._text._stream.stream is stream, "handed on, as nobody uses it"


@pytest.mark.parametrize("flavour", [RTX, CLASSIC])
def test_every_context_has_run_as_it_will_and_is_waited_for(graphs, tmp_path, monkeypatch, flavour):
    """TensorRT-RTX captures on the second run: no live frame pays for that."""
    bench, waits = Bench(tmp_path, replace(SPEC, steps=3), ToyNetworks(detail=True)), []
    monkeypatch.setattr(
        fake_cuda.FakeStream,
        "synchronize",
        lambda stream: waits.append([context.runs for context in bench.trt.contexts]),
    )
    engine = bench.engine(flavour)
    assert len(engine._runner._whole.phases) == 4
    assert [context.runs for context in bench.trt.contexts][:4] == [3 + (flavour == CLASSIC)] * 4
    assert [3] * 4 in [runs[:4] for runs in waits], "waited for after the last"
    if flavour == RTX:
        assert all(context.captured for context in list(bench.trt.contexts)[:4])
    assert engine.spec.execution == "graph"


def test_an_engine_that_cannot_be_captured_says_eager(graphs, tmp_path, caplog):
    bench = Bench(tmp_path, SPEC)
    bench.trt.capturable = False
    engine, eager = bench.engine(), toy_engine(bench.networks, SPEC)
    assert engine.spec.execution == "eager"
    assert "execution: eager, since torch says that the engine cannot be captured" in caplog.text
    for frame, params, _ in edits(3):
        assert np.array_equal(engine.run(frame, params), eager.run(frame, params))
    bench.spec = replace(SPEC, execution="graph")
    with pytest.raises(
        BackendUnavailable, match=r"execution 'graph'.*cannot be captured"
    ) as caught:
        bench.engine()
    assert caught.value.cause == "capture"
