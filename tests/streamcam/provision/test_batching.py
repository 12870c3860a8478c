"""The choice between the stream batch and one step after the other, by measurement."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.api import EngineSpec
from engines.backends.null import NullEngine
from engines.errors import ModelUnavailable
from engines.recipe import Recipe
from streamcam.provision import batching
from streamcam.provision.batching import build_batched, choose_batching, latency


@pytest.mark.parametrize(
    ("stream", "sequential", "chosen", "why"),
    [
        (0.010, 0.020, "sequential", "both hold 30 fps, and it waits for no later frame"),
        (0.020, 0.060, "stream", "one by one is too slow for 30 fps"),
        (0.080, 0.120, "stream", "neither holds the rate, and this is faster"),
        (0.130, 0.120, "sequential", "neither holds the rate, and this is faster"),
    ],
)
def test_the_lower_latency_that_holds_the_rate(stream, sequential, chosen, why):
    seconds = {"stream": stream, "sequential": sequential}
    assert choose_batching(seconds, 2, 30) == chosen, why


@given(st.floats(0.001, 0.5), st.integers(2, 8), st.floats(5, 120))
def test_the_stream_batch_waits_for_a_tick_a_step(seconds, steps, fps):
    waited = latency("stream", seconds, steps, fps) - seconds
    assert waited == pytest.approx((steps - 1) * max(seconds, 1 / fps))
    assert latency("sequential", seconds, steps, fps) == seconds


class Closable(NullEngine):
    def __init__(self, spec):
        super().__init__(spec)
        self.closes = 0

    def close(self):
        self.closes += 1


SPEC = EngineSpec(width=128, height=128, steps=2)
RECIPE = Recipe(SPEC)


@pytest.mark.parametrize(("fps", "chosen"), [(5, "sequential"), (80, "stream")])
def test_both_are_timed_and_the_other_is_closed(fps, chosen, monkeypatch):
    taken = {"stream": 0.004, "sequential": 0.012}
    monkeypatch.setattr(batching, "frame_seconds", lambda engine: taken[engine.spec.batching])
    built = []

    def build(recipe):
        built.append(Closable(recipe.spec))
        return built[-1]

    stream = build(RECIPE)
    engine, choice = build_batched(build, stream, RECIPE, fps)
    assert engine.spec.batching == choice.batching == chosen
    assert f"2 steps, {chosen}: stream" in choice.reason
    assert [one.closes for one in built] == [int(one is not engine) for one in built]


def test_one_step_leaves_no_choice():
    spec = EngineSpec(width=128, height=128)
    engine = Closable(spec)
    assert build_batched(pytest.fail, engine, Recipe(spec), 30) == (engine, None)


def test_a_model_without_the_other_way_keeps_the_stream_batch():
    def build(_recipe):
        raise ModelUnavailable("frame_step.sequential.none.onnx is missing")

    engine = Closable(SPEC)
    assert build_batched(build, engine, RECIPE, 30) == (engine, None)
    assert engine.closes == 0


def test_nothing_stays_open_when_it_is_interrupted():
    def build(_recipe):
        raise KeyboardInterrupt

    engine = Closable(SPEC)
    with pytest.raises(KeyboardInterrupt):
        build_batched(build, engine, RECIPE, 30)
    assert engine.closes == 1
