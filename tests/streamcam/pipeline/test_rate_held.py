"""In a run: a size that does not hold the rate gives way to one that does; a fixed one stays."""

from dataclasses import replace
from time import sleep

import pytest
from fake_world import FakeEngine, FakeSink, FakeSource, make_preset
from waiting import wait_until

from streamcam.provision import rate

FOREVER = 1_000_000


class Slow(FakeEngine):
    """On the processor; so many seconds a frame at 448x256, and less for a smaller one."""

    def __init__(self, spec, seconds=0.06):
        super().__init__(spec, seconds=seconds * spec.width * spec.height / (448 * 256))
        self.spec = replace(spec, device="CPU")


@pytest.fixture
def start(world, monkeypatch):
    """A live run at 30 fps whose measurement said that 448x256 would do."""
    monkeypatch.setattr(rate, "_SAMPLE_SECONDS", 0.4)
    monkeypatch.setattr(rate, "_SETTLE_SECONDS", 0.2)
    monkeypatch.setattr("streamcam.provision.size.fitting.frame_seconds", lambda engine: 0.028)
    monkeypatch.setattr("streamcam.provision.build.beside_seconds", lambda options: 0.0)
    world.make_engine = Slow

    def go(**options):
        world.source = FakeSource(FOREVER, pace=1 / 40)
        preset = make_preset(output={"size": "1280x720", "fps": 30.0}, resolve={"mode": "off"})
        pipeline = world.pipeline(**{"preset": preset, "size": None, **options})
        pipeline.start()
        return pipeline

    return go


def test_a_size_that_is_too_slow_gives_way_while_pictures_flow(world, start):
    pipeline = start()
    wait_until(lambda: len(world.engines) > 1 and world.engines[-1].runs > 2)
    first, second = world.engines[0], world.engines[-1]
    assert (first.spec.width, first.spec.height) == (448, 256)
    assert second.spec.width * second.spec.height <= 448 * 256 / 0.06 / 30
    assert first.closes == 1
    said = next(line for line in world.said if "takes its place" in line)
    assert said.startswith("engine: 448x256 reaches ")
    assert pipeline.stats.snapshot().notice == ""


def test_a_size_that_was_asked_for_stays(world, start):
    start(size=(448, 256))
    engine = world.engines[0]
    wait_until(lambda: engine.runs > 40)
    assert world.engines == [engine]


def test_a_remembered_size_that_is_too_slow_by_now_gives_way_for_good(world, start):
    """The machine has more to do than when it was chosen. What held the rate is remembered then."""

    def said(pipeline):
        lines = [line for line in world.said if line.startswith("engine: ")]
        pipeline.stop()
        world.sinks = {"fake": FakeSink()}
        del world.said[:], world.engines[:], world.opened[:]
        return lines

    world.make_engine = lambda spec: Slow(spec, 0.01)
    assert "remembered" not in said(start())[0]
    world.make_engine = Slow
    pipeline = start()
    wait_until(lambda: len(world.engines) > 1 and world.engines[-1].runs > 2)
    wait_until(lambda: pipeline._live.adjustable() is not None)
    width, height = world.engines[-1].spec.width, world.engines[-1].spec.height
    first, change, *_ = said(pipeline)
    assert "448x256" in first
    assert "remembered" in first
    assert "takes its place" in change
    assert f"{width}x{height}: what held the rate (remembered" in said(start())[0]


def test_an_engine_of_another_size_that_takes_its_time_to_build_is_waited_for(
    world, start, monkeypatch
):
    """The shape, which is looked at all the while, is right as it is: no reason to begin anew."""
    monkeypatch.setattr("streamcam.provision.shape._LASTS_SECONDS", 0.2)

    def slowly(spec):
        if world.engines:
            sleep(1.0)  # ten looks of the watchdog
        return Slow(spec)

    world.make_engine = slowly
    start()
    wait_until(lambda: len(world.engines) > 1 and world.engines[-1].runs > 2)
    assert [line for line in world.said if "takes its place" in line] != []
    assert len(world.engines) == 2
