"""The world of fake devices, in place of the real ones."""

from threading import Event

import pytest
from fake_world import FakeEngine, FakeSink, World

from engines import outages
from engines.errors import InvalidPrompt


@pytest.fixture
def world(monkeypatch):
    """Call `world.pipeline(...)`; whatever the test does, all is closed in the end."""
    world = World(sinks={"fake": FakeSink()})
    monkeypatch.setattr("streamcam.provision.build.build", world.build)
    for module in ("pipeline.live", "provision.build"):
        monkeypatch.setattr(f"streamcam.{module}.engine_steps", world.engine_steps)
    monkeypatch.setattr("streamcam.provision.build.ready_plans", world.ready_plans)
    yield world
    for pipeline in world.pipelines:
        pipeline.stop()
    outages.forget()
    world.check_closed()


@pytest.fixture
def go_on():
    """An event that a test sets to let something go on; set at the end in any case."""
    event = Event()
    yield event
    event.set()


@pytest.fixture
def picky(world):
    """Engines that do not read the prompt "endless"."""

    class Picky(FakeEngine):
        def encode(self, prompt):
            if prompt == "endless":
                raise InvalidPrompt("too long")
            return super().encode(prompt)

    world.make_engine = Picky
