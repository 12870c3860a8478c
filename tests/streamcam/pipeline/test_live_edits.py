"""A thousand edits of a running look: nothing is built, no tick is missed, the last one is shown.

The outputs tick when the test says so, which makes this about what happens and not about how
fast: after each edit one tick goes by, and that tick has its picture.
"""

import random
import threading
from dataclasses import replace
from time import perf_counter

import numpy as np
import pytest
from fake_world import RECIPE, FakeSink, FakeSource, make_preset

from engines.backends.null import NullEngine
from engines.recipe import Recipe
from streamcam.looks.aim import encoded

EDITS = 1000
PROMPTS = (
    "anime, cel shading", "film noir", "(watercolor:1.3) painting, [soft] washes",
    "anime::2 | film noir", "oil painting, (thick brush strokes:0.4)", "", "neon lights",
)  # fmt: skip
LOOKS = {"one": "film noir | neon lights::0.5", "two": {"seed": 5, "strength": 0.9}, "three": "oil"}


class Watched:
    """An engine that notes what it is run with."""

    def __init__(self, engine):
        self._engine = engine
        self.runs, self.closes, self.shown = 0, 0, None

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def start(self, frame_HWC, params, out_HWC=None, changed=None):
        self._engine.start(frame_HWC, params, out_HWC, changed)
        self.runs, self.shown = self.runs + 1, params

    def close(self):
        self.closes += 1
        self._engine.close()


class HandTicker:
    """A Ticker whose ticks come from `ticks`."""

    period, missed, clock = 0.01, 0, staticmethod(perf_counter)
    ticks = threading.Semaphore(0)

    def __init__(self, fps):
        pass

    def wait(self, stop):
        while not stop.is_set():
            if self.ticks.acquire(timeout=0.02):
                return True
        return False

    def restart(self):
        pass

    def shift(self, seconds):
        pass


@pytest.fixture
def tick(monkeypatch, world):
    """Let one tick go by and wait for its picture."""
    monkeypatch.setattr("streamcam.flow.delivery.Ticker", HandTicker)
    monkeypatch.setattr(HandTicker, "ticks", threading.Semaphore(0))
    world.sinks = {"fake": FakeSink(paced=True)}

    def go_by():
        sink = world.sinks["fake"]
        count = len(sink.frames)
        HandTicker.ticks.release()
        assert sink.reached(count + 1), "a tick without a picture"

    return go_by


@pytest.fixture
def compiled(monkeypatch):
    """The graphs that were compiled, or taken as they were kept."""
    from engines.backends.openvino import runner

    graphs, compiled_graph = [], runner.compiled_graph

    def counted(core, model, graph, *others):
        graphs.append(graph)
        return compiled_graph(core, model, graph, *others)

    monkeypatch.setattr(runner, "compiled_graph", counted)
    return graphs


def wait_until(condition):
    waiting = threading.Event()
    for _ in range(4000):
        if condition():
            return True
        waiting.wait(0.005)
    return False


def edited(fields, chance):
    """`fields` of a preset with one of them changed."""
    key, value = chance.choice(
        [
            ("prompt", chance.choice(PROMPTS)),
            ("negative_prompt", chance.choice(PROMPTS)),
            ("strength", chance.uniform(0.05, 1.0)),
            ("guidance", chance.uniform(0.0, 3.0)),
            ("delta", chance.uniform(0.0, 2.0)),
            ("seed", chance.randrange(2**32)),
            ("crossfade", chance.choice((0.0, 0.05, 0.3))),
        ]
    )
    return {**fields, key: value}


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["null", "openvino"])
def test_a_thousand_edits(world, tick, compiled, backend):
    def make_engine(spec):
        spec = replace(spec, backend=backend, threads=1)  # wait for no other program
        engine = NullEngine(spec) if backend == "null" else RECIPE["build"](Recipe(spec))
        return Watched(engine)

    chance = random.Random(7)
    world.make_engine = make_engine
    world.source = FakeSource(10_000_000, pace=0.001)
    fields = {"prompt": "plain", "guidance_mode": "full", "steps": 2, "looks": LOOKS}
    fields["batching"] = "stream"
    pipeline = world.pipeline(preset=make_preset(**fields))
    pipeline.start()
    (engine,) = world.engines
    sink = world.sinks["fake"]
    assert sink.reached(1)
    look, graphs = "custom", len(compiled)
    for _ in range(EDITS):
        if chance.random() < 0.2:
            look = chance.choice(("custom", *LOOKS))
            pipeline.select_look(look)
        else:
            fields = edited(fields, chance)
            pipeline.apply_preset(make_preset(**fields))
        tick()

    preset = make_preset(**fields)
    wanted = encoded(preset.look(look), engine.encode)

    def is_shown():
        now = engine.shown
        numbers = ("strength", "guidance_scale", "delta", "seed", "seed_mix")
        return all(getattr(now, name) == getattr(wanted, name) for name in numbers) and all(
            np.array_equal(getattr(now, name).tokens_TD, getattr(wanted, name).tokens_TD)
            for name in ("prompt", "negative")
        )

    assert wait_until(is_shown), (engine.shown, wanted)
    assert pipeline.stats.snapshot().look == look
    assert pipeline.stats.snapshot().notice == ""
    assert pipeline.wait(0) is False, "it still runs"
    assert len(sink.frames) == 1 + EDITS, "a picture at every tick, and no more"
    assert (len(world.engines), len(compiled)) == (1, graphs), "nothing was built"
    assert engine.closes == 0
    runs = engine.runs
    assert wait_until(lambda: engine.runs > runs + 5), "frames go on"
