"""TensorRT on a card. What needs none is in test_tensorrt_runner.py and test_tensorrt_plans.py.

A card that TensorRT is not for fails only the test that says so: `test_auto_has_the_answer`; the
others skip there, since nothing on that card is missing.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from engines.api import GUIDANCE_MODES, EngineSpec, Params
from engines.backends.tensorrt.card import find_card, flavour_for
from engines.backends.tensorrt.engine import PlanOnDevice
from engines.backends.tensorrt.flavour import RTX, open_flavour
from engines.backends.tensorrt.plan import PORTABLE
from engines.backends.tensorrt.plans import write_plans
from engines.build import build
from engines.errors import BackendUnavailable
from engines.families import open_model
from engines.recipe import Recipe
from tests.engines.backends.test_torch_cuda import edits, memory, opened
from tests.engines.pictures import moving_picture

pytestmark = [pytest.mark.gpu, pytest.mark.slow]

WIDTH, HEIGHT = 208, 144
SPEC = EngineSpec(width=WIDTH, height=HEIGHT, backend="tensorrt")
TORCH = replace(SPEC, backend="torch", device="cuda")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def card():
    """This machine's card, if TensorRT is for it."""
    found = find_card("auto")
    try:
        flavour_for(found)
    except BackendUnavailable as error:
        pytest.skip(str(error))
    return found


def psnr(one, other):
    """Decibels between two pictures; identical ones have 99."""
    error = np.mean((one.astype(float) - other) ** 2)
    return 99.0 if error == 0 else 10 * np.log10(255**2 / error)


def worst_psnr(specs, frames):
    with opened(*specs) as engines:
        found = []
        for frame, params in edits(engines, frames):
            one, other = (e.run(frame, p) for e, p in zip(engines, params, strict=True))
            found.append(psnr(one, other))
    print(f"PSNR {min(found):.1f} to {max(found):.1f} dB: {specs[0].steps} steps, "
          f"{specs[0].guidance_mode}, {specs[1].precision}")  # fmt: skip
    return min(found)


@pytest.mark.parametrize("mode", GUIDANCE_MODES)
@pytest.mark.parametrize(
    ("steps", "batching"), [(1, "stream"), (2, "sequential"), (3, "stream"), (4, "stream")]
)
def test_pictures_are_torchs(card, steps, batching, mode):
    """12 frames of live edits: 40 dB to torch in float16, 36 dB to torch in float32."""
    spec = replace(SPEC, steps=steps, guidance_mode=mode, batching=batching)
    for precision, least in (("float16", 40), ("float32", 36)):
        other = replace(spec, backend="torch", device="cuda", precision=precision)
        assert worst_psnr([spec, other], 12) >= least


def test_two_hundred_live_edits_act(card):
    spec = replace(SPEC, steps=2, guidance_mode="onetime")
    assert worst_psnr([spec, replace(spec, backend="torch", device="cuda")], 200) >= 36


def test_it_goes_on_with_torchs_frames(card):
    """The swap of a stream that began on torch: no cold start in between."""
    spec = replace(SPEC, steps=3, guidance_mode="self")
    on_torch = replace(spec, backend="torch", device="cuda")
    with opened(on_torch, on_torch, spec) as (alone, first, second):
        running = first
        for number, frame in zip(range(8), moving_picture(WIDTH, HEIGHT), strict=False):
            if number == 4:
                assert second.take_over(first)
                running = second
            given = [
                Params(prompt=engine.encode("anime"), negative=engine.encode(""), strength=0.6)
                for engine in (running, alone)
            ]
            assert psnr(running.run(frame, given[0]), alone.run(frame, given[1])) >= 36


def test_ten_thousand_frames_take_no_more_memory(card):
    with opened(replace(SPEC, steps=3, guidance_mode="self")) as (engine,):
        params = Params(prompt=engine.encode("anime"), negative=engine.encode(""))
        frames = [frame for _, frame in zip(range(16), moving_picture(WIDTH, HEIGHT), strict=False)]
        out = np.empty_like(frames[0])
        free = []
        for number in range(10_000):
            engine.run(frames[number % 16], params, out)
            if number in (500, 9_999):
                free.append((torch.cuda.mem_get_info()[0], *memory()))
    assert free[0] == free[1]


def test_the_second_start_loads_the_kernels_of_the_first(card):
    with opened(SPEC) as (engine,):
        frame, (params,) = next(edits([engine], 1))
        expected = engine.run(frame, params)
    with opened(SPEC) as (engine,):
        _, (params,) = next(edits([engine], 1))
        assert np.array_equal(engine.run(frame, params), expected)


def test_stages_are_timed_by_the_device(card):
    with opened(SPEC) as (engine,):
        for frame, (params,) in edits([engine], 5):
            engine.run(frame, params)
        times = engine.stage_ms()
    assert list(times) == ["upload", "step", "download"]
    assert all(0 < value < 1000 for value in times.values())


def test_auto_has_the_answer():
    """On every card: `auto` ends on TensorRT if the card runs it, else on torch; printed, for the
    record of which cards TensorRT-RTX runs on (asked of the library itself, not of a table)."""
    card = find_card("auto")
    rtx, model = open_flavour(RTX), open_model(SPEC)
    target = card.architecture if card.architecture in rtx.architectures else PORTABLE
    plans = write_plans(model, SPEC, rtx, target, lambda _stage: None)
    try:
        PlanOnDevice(rtx, plans.frame_step, torch.device("cuda"), graph=True)
        runs, reason = True, ""
    except BackendUnavailable as error:
        runs, reason = False, str(error)
    print(f"{rtx.label} on {card}: {'runs' if runs else reason}")
    last = Recipe(replace(SPEC, backend="auto")).build_order()[-1].spec.backend
    if last == "tensorrt" and flavour_for(card).name == RTX:
        assert runs, reason
    build(replace(SPEC, backend="auto")).close()
