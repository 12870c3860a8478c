"""An automatic size grows once a better engine than the first one runs, if that holds the rate."""

from dataclasses import replace
from time import sleep

import pytest
from fake_world import FakeEngine, FakeSource, make_preset
from waiting import wait_until

from engines.errors import EngineFailed

FOREVER = 1_000_000


class OnCard(FakeEngine):
    """`measured`: what measuring it is to say, in seconds."""

    def __init__(self, spec, measured):
        super().__init__(spec, seconds=0.001)
        self.spec = replace(spec, device="cuda:0")
        self.label = f"fake on {spec.backend}"
        self.measured = measured


@pytest.fixture
def start(world, monkeypatch):
    """Call with the seconds of a frame of 448x256 on each backend: a live run at 20 fps."""
    built = []

    def build(spec, watch):
        built.append((spec.backend, spec.width, spec.height))
        share = spec.width * spec.height / (448 * 256)
        seconds = world.seconds[spec.backend] * share
        outcome = world.outcome.get((spec.width, spec.height), seconds)
        if isinstance(outcome, Exception):
            raise outcome
        world.engines.append(OnCard(spec, outcome))
        return world.engines[-1]

    world.build = build
    monkeypatch.setattr("engines.outages._synchronise", lambda device: None)  # it answers
    for module in ("size.fitting", "size.growth"):
        name = f"streamcam.provision.{module}.frame_seconds"
        monkeypatch.setattr(name, lambda engine: engine.measured)

    def go(torch, tensorrt, outcome=None, **options):
        world.seconds = {"auto": torch, "torch": torch, "tensorrt": tensorrt}
        world.outcome = outcome or {}
        world.backends = ("torch", "tensorrt")
        world.source = FakeSource(FOREVER, pace=0.005)
        preset = make_preset(output={"size": "1280x720", "fps": 20.0})
        pipeline = world.pipeline(**{"preset": preset, "size": None, **options})
        pipeline.start()
        return pipeline, built

    return go


def size_of(engine):
    return (engine.spec.width, engine.spec.height)


def test_a_better_engine_gets_a_larger_picture(world, start):
    """At 20 fps with a margin of 15 % a frame may take 43 ms."""
    pipeline, built = start(torch=0.042, tensorrt=0.02)
    wait_until(lambda: size_of(world.engines[-1]) == (640, 368) and world.engines[-1].runs > 2)
    assert [one for one in built if one[1] > 448] == [("tensorrt", 640, 368)]
    assert "engine: fake on tensorrt, 640x368" in world.said
    assert pipeline.stats.snapshot().notice == ""
    pipeline.apply_preset(make_preset(steps=2, output={"size": "1280x720", "fps": 20.0}))
    wait_until(lambda: world.engines[-1].spec.steps == 2)
    assert size_of(world.engines[-1]) == (640, 368), "auto stands for that size now"


def test_one_that_turns_out_too_slow_is_not_taken_nor_tried_again(world, start):
    pipeline, built = start(torch=0.042, tensorrt=0.02, outcome={(640, 368): 0.06})
    wait_until(lambda: "640x368: a frame takes 60" in pipeline.stats.snapshot().notice)
    running = world.engines[-2]
    before = running.runs
    wait_until(lambda: running.runs > before + 2)
    assert size_of(running) == (448, 256)
    assert world.engines[-1].closes
    sleep(0.3)
    assert len([one for one in built if one[1] > 448]) == 1


def test_one_that_cannot_be_had_leaves_the_running_one(world, start):
    no = EngineFailed("CUDA out of memory", cause="memory")
    pipeline, _ = start(torch=0.042, tensorrt=0.02, outcome={(640, 368): no})
    wait_until(lambda: "CUDA out of memory The running" in pipeline.stats.snapshot().notice)
    running = world.engines[-1]
    before = running.runs
    wait_until(lambda: running.runs > before + 2)
    assert size_of(running) == (448, 256)


def test_a_size_that_was_asked_for_stays(world, start):
    _, built = start(torch=0.042, tensorrt=0.001, size=(448, 256))
    wait_until(lambda: len(world.engines) == 2 and world.engines[-1].runs > 2)
    assert {one[1:] for one in built} == {(448, 256)}
