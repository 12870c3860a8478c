"""TorchRunner on the CPU: failures, closing, stage times, prompts from other threads, compiling."""

import gc
import os
import time
import weakref
from dataclasses import replace
from functools import partial
from threading import Thread

import numpy as np
import pytest
import torch
from torch import nn

from engines.api import Embedding, EngineSpec, Params
from engines.backends.torch.frame_buffers import StagedInput
from engines.backends.torch.stream import STAGES, DeviceStream
from engines.backends.torch.text import TextNetwork
from engines.backends.torch.weights import Weights
from engines.build import build
from engines.errors import BackendUnavailable, EngineFailed, InvalidSpec
from engines.model.shapes import input_shapes
from engines.step.signature import signature
from tests.engines.backends.test_torch_graph import SPEC, addresses, edits
from tests.engines.toy import TOKENS, WIDTH, ToyNetworks
from tests.engines.toy_runner import toy_engine, toy_model

CPU = torch.device("cpu")


class Failing(ToyNetworks):
    """Raises `error` on every frame while it is set."""

    error = None

    def decode(self, latent_BChw, features):
        if self.error is not None:
            raise self.error
        return super().decode(latent_BChw, features)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (torch.OutOfMemoryError("Tried to allocate 2 GiB"), r"cpu.*Tried.*smaller --size"),
        (RuntimeError("\nkernel died\ntrace"), r"cpu, execution 'eager': kernel died.*--backend"),
    ],
)
def test_a_failure_names_the_device_and_the_fix(error, message):
    networks = Failing()
    engine = toy_engine(networks, SPEC)
    frame, params, _ = next(edits(1))
    expected = engine.run(frame, params)
    networks.error = error
    with pytest.raises(EngineFailed, match=message):
        engine.run(frame, params)
    networks.error = None
    engine.restart()
    assert np.array_equal(engine.run(frame, params), expected), "it can go on after a restart"
    engine.close()  # the errors outlive the test, with what they were raised in


def test_a_prompt_of_another_model_is_refused_by_its_shape():
    engine = toy_engine(ToyNetworks(), SPEC)
    frame, params, _ = next(edits(1))
    engine.run(frame, params)
    other = Embedding(np.zeros((1, WIDTH), np.float32))  # numpy would spread it over all tokens
    with pytest.raises(InvalidSpec, match=rf"prompt_TD of shape \(1, {WIDTH}\).*{TOKENS}"):
        engine.run(frame, replace(params, prompt=other))


def test_closing_frees_the_networks_and_the_buffers():
    engine = toy_engine(ToyNetworks(detail=True), replace(SPEC, steps=2))
    frame, params, _ = next(edits(1))
    engine.run(frame, params)
    runner = engine._runner
    freed = [weakref.ref(runner._whole.buffers), weakref.ref(runner._whole.phases[0].args[0])]
    engine.close()
    engine.close()
    gc.collect()
    assert [ref() for ref in freed] == [None, None]
    with pytest.raises(EngineFailed, match="closed"):
        engine.run(frame, params)


def test_stage_times_are_those_of_the_last_frame():
    networks = ToyNetworks()
    engine = toy_engine(networks, SPEC)
    frame, params, _ = next(edits(1))
    assert engine.stage_ms() == {}
    engine.run(frame, params)
    first = engine.stage_ms()
    assert tuple(first) == STAGES
    assert all(value > 0 for value in first.values())
    engine.run(frame, params)
    assert engine.stage_ms() != first
    assert tuple(first) == STAGES, "a mapping that was handed out stays as it is"


def test_the_hosts_own_copy_is_no_upload(monkeypatch):
    """On a device its first event would be passed long before the copy begins."""
    engine = toy_engine(ToyNetworks(), SPEC)
    frame, params, _ = next(edits(1))
    happened, fill, mark = [], StagedInput.fill, DeviceStream.mark
    monkeypatch.setattr(
        StagedInput, "fill", lambda self, array: (happened.append("fill"), fill(self, array))
    )
    monkeypatch.setattr(DeviceStream, "mark", lambda self: (happened.append("mark"), mark(self)))
    engine.run(frame, params)
    assert happened[-4:] == ["mark"] * 4
    assert set(happened[:-4]) == {"fill"}


def test_a_frame_that_failed_half_way_has_no_times():
    networks = Failing()
    engine = toy_engine(networks, SPEC)
    frame, params, _ = next(edits(1))
    for _ in range(3):
        engine.run(frame, params)
    before = engine.stage_ms()
    networks.error = RuntimeError("once")
    with pytest.raises(EngineFailed):
        engine.run(frame, params)
    assert engine.stage_ms() is before
    networks.error = None
    engine.run(frame, params)
    assert engine.stage_ms() is not before


def test_a_failed_frame_is_none_of_the_two_in_flight():
    networks = Failing()
    engine = toy_engine(networks, SPEC)
    frame, params, _ = next(edits(1))
    engine.start(frame, params)
    networks.error = RuntimeError("once")
    for _ in range(3):
        with pytest.raises(EngineFailed, match="once"):
            engine.start(frame, params)
    networks.error = None
    engine.start(frame, params)
    assert np.array_equal(engine.finish(), engine.finish())


def test_a_third_frame_in_flight_is_refused_and_loses_nothing():
    engine = toy_engine(ToyNetworks(), SPEC)
    frame, params, _ = next(edits(1))
    engine.start(frame, params)
    engine.start(255 - frame, params)
    with pytest.raises(EngineFailed, match="2 frames are in flight: finish one first"):
        engine.start(frame, params)
    first, second = engine.finish(), engine.finish()
    assert np.array_equal(first, engine.run(frame, params))
    assert np.array_equal(second, engine.run(255 - frame, params))


def test_a_device_without_a_clock_of_its_own_measures_nothing():
    stream = DeviceStream(torch.device("mps"))
    for _ in range(3):
        stream.begin()
        for _ in range(len(STAGES) + 1):
            stream.mark()
        stream.wait()
    assert stream.stage_ms == {}


def test_shapes_of_every_input():
    spec = EngineSpec(width=256, height=128, steps=3, guidance_mode="onetime", prompt_chunks=2)
    networks = ToyNetworks(detail=True)
    model = toy_model(networks)
    model.pooled = 9
    step = signature(steps=3, guidance_mode="onetime", batching="stream", features=1, pooled=True)
    shapes = input_shapes(step, model, spec)
    assert tuple(shapes) == step.inputs
    assert shapes["latent_KChw"] == shapes["residual_KChw"] == (2, 4, 16, 32)
    assert shapes["noise_SChw"] == (3, 4, 16, 32)
    assert shapes["delayed_feature0"] == (1, 3, 128, 256)
    assert shapes["prompt_TD"] == shapes["negative_TD"] == (2 * TOKENS, WIDTH)
    assert shapes["pooled_P"] == shapes["negative_pooled_P"] == (9,)
    assert (shapes["time_ids_6"], shapes["a_S"], shapes["next_b_K"]) == ((6,), (3,), (2,))
    assert shapes["cold"] == shapes["guidance_scale"] == shapes["delta"] == (1,)


class Words(nn.Module):
    """tokens_NT → (tokens_TD, pooled_P)."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(10, 3)

    def forward(self, tokens_NT):
        words_TD = self.table(tokens_NT[0])
        return words_TD, words_TD.mean(0)


def test_prompts_are_encoded_on_any_thread():
    encoder = Words()
    text = TextNetwork(Weights(ToyNetworks(), encoder.to(torch.bfloat16)), DeviceStream(CPU))
    tokens_NT = np.array([[1, 4, 2]])
    tokens_NT.flags.writeable = False
    found = []
    thread = Thread(target=lambda: found.append(text.encode(tokens_NT)))
    thread.start()
    thread.join()
    assert encoder.table.weight.dtype == torch.bfloat16
    expected = encoder.table.weight.detach().float().numpy()[[1, 4, 2]]
    assert found[0].tokens_TD.dtype == found[0].pooled_P.dtype == np.float32
    assert np.array_equal(found[0].tokens_TD, expected)
    assert found[0].pooled_P == pytest.approx(expected.mean(0), abs=0.02)


# torch's own modules, when torch.compile first loads them
compiles = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@compiles
@pytest.mark.slow
def test_a_compiled_step_equals_an_eager_one():
    """Live edits and a restart, on buffers that stay: one level apart at most."""
    spec = replace(SPEC, steps=2, guidance_mode="self")
    networks = ToyNetworks(detail=True)
    eager = toy_engine(networks, spec)
    compiled = toy_engine(networks, replace(spec, execution="compile"))
    assert compiled.spec.execution == "compile"
    at_first = addresses(compiled)
    for frame, params, restart in edits(20):
        if restart:
            eager.restart()
            compiled.restart()
        difference = compiled.run(frame, params).astype(int) - eager.run(frame, params)
        assert np.abs(difference).max() <= 1
    assert addresses(compiled) == at_first


@compiles
def test_a_process_may_compile_many_engines(monkeypatch):
    """torch would stop after eight kinds of one function; here with no compiler behind it."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    for size in range(128, 288, 16):
        toy_engine(ToyNetworks(), replace(SPEC, width=size, execution="compile")).close()


@compiles
def test_compile_without_a_compiler_is_refused_not_replaced(monkeypatch):
    from torch._inductor import config

    monkeypatch.setattr(config.cpp, "cxx", ("no-such-compiler",))
    spec = replace(SPEC, width=144, execution="compile")
    with pytest.raises(BackendUnavailable, match=r"'compile'.*no-such-compiler.*another execution"):
        toy_engine(ToyNetworks(), spec)


@pytest.mark.skipif(os.cpu_count() == 1, reason="one core has no second thread to keep out")
def test_the_number_of_threads_holds_on_the_thread_that_computes():
    """That is "infer", and torch was told on the thread that builds. By processor time: alone, it
    does all of the work."""
    shares = []
    before = torch.get_num_threads()
    spec = EngineSpec(width=448, height=256, backend="torch", device="cpu", threads=1)
    engine = build(replace(spec, precision="float32", execution="eager"))

    def infer():
        params = Params(prompt=engine.encode("anime"), negative=engine.encode(""))
        frame = np.zeros((256, 448, 3), np.uint8)
        engine.run(frame, params)
        own, all_threads = time.thread_time(), time.process_time()
        for _ in range(3):
            engine.run(frame, params)
        shares.append((time.thread_time() - own) / (time.process_time() - all_threads))

    thread = Thread(target=infer)
    thread.start()
    thread.join()
    engine.close()
    torch.set_num_threads(before)
    assert shares[0] > 0.8
