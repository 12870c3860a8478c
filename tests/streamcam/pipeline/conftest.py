"""The world of fake devices, in place of the real ones."""

from threading import Event

import pytest
from fake_world import RECIPE, FakeEngine, FakeSink, World

from engines import outages
from engines.api import UNWATCHED
from engines.errors import InvalidPrompt
from engines.recipe import Recipe


@pytest.fixture
def world(monkeypatch, tmp_path):
    """Call `world.pipeline(...)`; whatever the test does, all is closed in the end. What it chooses
    is remembered for itself alone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    world = World(sinks={"fake": FakeSink()})
    monkeypatch.setattr(
        Recipe, "build", lambda recipe, watch=UNWATCHED: world.build(recipe.spec, watch)
    )
    monkeypatch.setattr(Recipe, "build_order", lambda recipe: world.build_order(recipe))
    monkeypatch.setattr(Recipe, "ready_sizes", lambda recipe, sizes: world.ready_sizes(sizes))
    yield world
    for pipeline in world.pipelines:
        pipeline.stop()
    outages.forget()
    world.check_closed()


@pytest.fixture
def real_recipes(world, monkeypatch):
    """In that world: what they choose is real, and what they build on is for the test to play."""
    for name, method in RECIPE.items():
        monkeypatch.setattr(Recipe, name, method)


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
