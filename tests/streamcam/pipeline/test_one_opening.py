"""A start opens its model once, whatever is tried until it has its engine: sizes, ways, backends.

On the processor the real program does it, in a process of its own: test_command_openings.py.
"""

import pytest
from counted_openings import count_openings
from fake_world import FakeSource, make_preset
from played_card import PlayedCard
from waiting import wait_until


@pytest.fixture
def start(world, monkeypatch, real_recipes):
    """Call with what the card has of TensorRT: a live run of two steps, in an automatic size."""

    def go(plans, **options):
        opened = []
        count_openings(monkeypatch.setattr, opened.append)
        card = PlayedCard("", plans=plans)
        card.install(monkeypatch.setattr)
        world.source = FakeSource(1_000_000, pace=0.002)
        preset = make_preset(steps=2, model="nano", output={"size": "1280x720", "fps": 30.0})
        pipeline = world.pipeline(preset=preset, size=None, **options)
        pipeline.start()
        assert world.sinks["fake"].more(10)
        return card, pipeline, opened

    return go


@pytest.mark.parametrize(
    ("backend", "plans", "built"),
    [
        ("auto", False, ["torch", "torch", "torch"]),
        ("auto", None, ["torch", "torch", "torch", "tensorrt"]),
        ("tensorrt", None, ["torch", "torch", "torch", "tensorrt"]),
        ("auto", True, ["tensorrt", "tensorrt"]),
        ("tensorrt", True, ["tensorrt", "tensorrt"]),
    ],
)
def test_a_start_on_a_card_opens_its_model_once(world, start, plans, built, backend):
    """Two sizes on torch, or the largest of those that are kept; both batchings of that; then what
    is better."""
    card, pipeline, opened = start(plans, backend=backend)
    wait_until(lambda: len(card.built) >= len(built))
    assert [line.split()[0] for line in card.built] == built
    assert opened == ["nano"]
    pipeline.apply_preset(make_preset(steps=3, model="nano", backend=backend))
    wait_until(lambda: len(card.built) > len(built) and pipeline.preset.steps == 3)
    assert opened == ["nano"] * 2, "as it is by then"


def test_mending_opens_nothing(world, start):
    card, _, opened = start(False)
    count = len(card.built)
    card.fault = "stubborn"
    wait_until(lambda: len(card.built) >= count + 3)
    assert opened == ["nano"]
