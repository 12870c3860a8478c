"""nano on a CUDA device. The CPU part of the same promises is in test_torch_graph.py."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Thread

import numpy as np
import pytest
import torch

from engines.api import GUIDANCE_MODES, EngineSpec, Params
from engines.backends.torch.cuda import CudaStream
from engines.build import build
from tests.engines.backends.test_torch_graph import addresses
from tests.engines.pictures import moving_picture

pytestmark = pytest.mark.gpu

WIDTH, HEIGHT = 208, 144
ON_CPU = EngineSpec(width=WIDTH, height=HEIGHT, backend="torch", device="cpu")
ON_CUDA = replace(ON_CPU, device="cuda")
PROMPTS = ("anime, cel shading", "neon, cyberpunk", "comic book", "oil painting")


def difference(one, other):
    """Mean and 99th percentile of the absolute difference, in levels of 255."""
    error = np.abs(one.astype(int) - other)
    return error.mean(), np.percentile(error, 99)


def edits(engines, count, seed=4):
    """A frame and, for each engine, the same Params; one value changes on every frame."""
    random = np.random.default_rng(seed)
    values = {"strength": 0.5}
    words = {"prompt": PROMPTS[0], "negative": "photo"}
    for _, frame in zip(range(count), moving_picture(WIDTH, HEIGHT), strict=False):
        change = {
            "strength": random.uniform(0.2, 1.0),
            "guidance_scale": random.uniform(0.0, 2.0),
            "delta": random.uniform(0.0, 1.5),
            "seed": int(random.integers(0, 4)),
        }
        name = random.choice([*change, *words])
        if name in words:
            words[name] = str(random.choice(PROMPTS))
        else:
            values[name] = change[name]
        yield (
            frame,
            [
                Params(**{part: engine.encode(text) for part, text in words.items()}, **values)
                for engine in engines
            ],
        )


@contextmanager
def opened(*specs) -> Iterator[list]:
    engines = [build(spec) for spec in specs]
    yield engines
    for engine in engines:
        engine.close()


def compare(specs, frames, mean, p99):
    with opened(*specs) as engines:
        for frame, params in edits(engines, frames):
            one, other = (e.run(frame, p) for e, p in zip(engines, params, strict=True))
            found = difference(one, other)
            assert found[0] <= mean, found
            assert found[1] <= p99, found


@pytest.mark.parametrize("mode", GUIDANCE_MODES)
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_float16_under_replay_is_close_to_float32_on_the_cpu(steps, mode):
    """12 frames of live edits: on average 2 levels of 255, 99 of 100 values within 8."""
    spec = replace(ON_CPU, steps=steps, guidance_mode=mode)
    compare([spec, replace(spec, device="cuda")], 12, mean=2, p99=8)


def test_float32_on_cuda_is_close_to_the_cpu():
    """Its convolutions are TF32 where the GPU has it."""
    spec = replace(ON_CPU, steps=2, guidance_mode="self", precision="float32")
    compare([spec, replace(spec, device="cuda")], 12, mean=1, p99=4)


@pytest.mark.parametrize("mode", GUIDANCE_MODES)
def test_two_hundred_edits_act_under_replay_as_they_do_eagerly(mode):
    """The kernels may differ, which cuDNN chooses by timing: half a level on average."""
    spec = replace(ON_CUDA, steps=2, guidance_mode=mode)
    compare([replace(spec, execution="eager"), spec], 200, mean=0.5, p99=3)


def test_the_sequential_steps_are_captured_too():
    spec = replace(ON_CUDA, steps=3, guidance_mode="onetime", batching="sequential")
    compare([replace(spec, execution="eager"), spec], 20, mean=0.5, p99=3)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_step_is_close_to_an_eager_one():
    spec = replace(ON_CUDA, steps=2, guidance_mode="self")
    compare(
        [replace(spec, execution="eager"), replace(spec, execution="compile")],
        20,
        mean=1,
        p99=4,
    )


def test_auto_is_a_graph_in_float16():
    with opened(ON_CUDA) as (engine,):
        assert (engine.spec.execution, engine.spec.precision) == ("graph", "float16")
        assert engine.spec.device.startswith("cuda:")


def test_addresses_and_memory_stay_over_a_thousand_frames():
    with opened(replace(ON_CUDA, steps=3, guidance_mode="onetime")) as (engine,):
        at_first, before = None, None
        for number, (frame, (params,)) in enumerate(edits([engine], 1000)):
            engine.run(frame, params)
            if number == 20:  # every prompt has been encoded
                for text in PROMPTS:
                    engine.encode(text)
                at_first, before = addresses(engine), memory()
        assert addresses(engine) == at_first
        assert memory() == before


def memory():
    """Bytes held, bytes reserved, and how often anything was ever allocated on the device."""
    stats = torch.cuda.memory_stats()
    names = (
        "allocated_bytes.all.current",
        "reserved_bytes.all.current",
        "allocation.all.allocated",
    )
    return [stats[name] for name in names]


def test_rebuilding_costs_no_memory():
    held = []
    for _ in range(4):
        with opened(replace(ON_CUDA, steps=2)) as (engine,):
            for frame, (params,) in edits([engine], 3):
                engine.run(frame, params)
        del engine
        held.append(torch.cuda.memory_stats()["allocated_bytes.all.current"])
    assert held[1] == held[2] == held[3]


def test_the_host_waits_for_the_download_and_for_nothing_else(monkeypatch):
    waits = []
    wait = CudaStream.wait
    monkeypatch.setattr(CudaStream, "wait", lambda self: (waits.append(self), wait(self)))
    with opened(replace(ON_CUDA, steps=2, guidance_mode="self")) as (engine,):
        given = list(edits([engine], 20))
        torch.cuda.set_sync_debug_mode("error")
        try:
            for number, (frame, (params,)) in enumerate(given, 1):
                engine.run(frame, params)
                assert len(waits) == number
        finally:
            torch.cuda.set_sync_debug_mode("default")


def test_stages_are_timed_by_the_device():
    with opened(ON_CUDA) as (engine,):
        for frame, (params,) in edits([engine], 5):
            engine.run(frame, params)
        times = engine.stage_ms()
    assert list(times) == ["upload", "step", "download"]
    assert all(0 < value < 1000 for value in times.values())
    assert times["step"] == max(times.values())


def test_prompts_encoded_meanwhile_and_a_rebuild_beside_it_disturb_no_frame():
    """What the app does: looks are encoded and engines built while frames run."""
    frame = next(moving_picture(WIDTH, HEIGHT))
    failures = []

    def meanwhile():
        try:
            for number in range(30):
                engine.encode(f"look number {number}")
            for steps in (2, 3):
                build(replace(ON_CUDA, steps=steps)).close()
        except Exception as error:  # noqa: BLE001  # shown by the assertion below
            failures.append(error)

    with opened(ON_CUDA) as (engine,):
        params = Params(prompt=engine.encode("anime"), negative=engine.encode(""))
        expected = engine.run(frame, params)
        thread = Thread(target=meanwhile)
        thread.start()
        frames = 0
        while thread.is_alive() or frames < 50:
            assert np.array_equal(engine.run(frame, params), expected)
            frames += 1
        thread.join()
    assert not failures
