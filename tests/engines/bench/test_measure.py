"""Costs: two backends count the same operations, and the null device has none to count."""

from dataclasses import replace

import pytest

from engines.api import GUIDANCE_MODES, EngineSpec
from engines.bench.measure import Limit, cost_of, limit_of, peak_flops, time_in_turns
from engines.build import build
from engines.errors import BackendUnavailable
from engines.families import family, open_model
from engines.step.signature import unet_rows
from engines.stream import Params
from tests.engines.pictures import moving_picture

SPEC = EngineSpec(width=256, height=144, backend="openvino", device="CPU", precision="float32")


def on_torch(spec):
    return replace(spec, backend="torch", device="cpu")


@pytest.mark.parametrize(("steps", "mode"), [(1, "none"), (2, "full")])
def test_both_backends_count_the_same_operations(steps, mode):
    model = open_model(EngineSpec())
    spec = replace(SPEC, steps=steps, guidance_mode=mode)
    ours = cost_of(spec).frame_flops(model, spec)
    theirs = cost_of(on_torch(spec)).frame_flops(model, on_torch(spec))
    assert ours == pytest.approx(theirs, rel=0.02)
    assert ours > 1e9


def test_rows_are_those_of_the_guidance_modes():
    rows = [unet_rows(EngineSpec(steps=3, guidance_mode=mode)) for mode in GUIDANCE_MODES]
    assert rows == [3, 3, 4, 6]


@pytest.mark.parametrize("spec", [SPEC, on_torch(SPEC)], ids=["openvino", "torch"])
def test_engine_and_networks_take_turns(spec):
    engine, cost = build(spec), cost_of(spec)
    params = Params(prompt=engine.encode("anime"), negative=engine.encode(""))
    networks = cost.networks_alone(open_model(EngineSpec()), spec)
    assert list(networks) == ["encoder", "unet", "decoder"]
    timings = time_in_turns(engine, params, moving_picture(256, 144), networks, 0.5)
    assert {len(times) for times in timings.networks.values()} == {len(timings.engine)}
    assert timings.networks_ms > 0
    engine.close()


def test_the_peak_is_above_what_the_engine_reaches():
    assert 1e9 < peak_flops(cost_of(SPEC), SPEC) < 1e15


def test_the_limit_is_the_slower_of_computing_and_moving():
    limit = Limit(flops=2e9, bytes=3e6, peak_flops=1e12, peak_bytes=1e9)
    assert limit.ms == pytest.approx(3.0)
    assert replace(limit, flops=5e9).ms == pytest.approx(5.0)


def test_what_must_move_is_every_weight_and_the_frame_twice():
    spec = on_torch(SPEC)
    model = open_model(spec)
    networks, _ = family(model.family).load(model)
    weights = sum(one.numel() for one in networks.parameters())
    limit = limit_of(model, spec)
    assert limit.bytes == 4 * weights + 2 * 3 * 256 * 144
    assert limit.flops == cost_of(spec).frame_flops(model, spec)
    assert 1e8 < limit.peak_bytes < 1e13


def test_the_null_device_cannot_be_measured():
    with pytest.raises(BackendUnavailable, match="'null'"):
        cost_of(replace(SPEC, backend="null"))
