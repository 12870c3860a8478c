"""A card that holds one engine and no second one beside it."""

import pytest
from fake_world import FakeSink, FakeSource, make_preset
from played_card import NEEDS, PlayedCard
from waiting import wait_until

GRAPH, TWO = "torch graph float16 320x176", "an engine of two steps"


@pytest.fixture
def start(world, monkeypatch, real_recipes):
    """Call with the card's memory in engines: a live run on it."""

    def go(engines, *, plans=False, frames=1_000_000, **options):
        card = PlayedCard("", plans=plans, memory=int(engines * NEEDS))
        card.install(monkeypatch.setattr)
        world.source = FakeSource(frames, pace=0.002, still=frames is None)
        world.sinks["fake"] = FakeSink(paced=True)
        pipeline = world.pipeline(size=(320, 176), **options)
        pipeline.start()
        return card, pipeline

    return go


def other(**fields):
    return make_preset(steps=2, batching="stream", **fields)


def notice(pipeline):
    return pipeline.stats.snapshot().notice


@pytest.mark.parametrize(("engines", "most"), [(1.5, 1), (2.5, 2)])
def test_the_running_engine_is_closed_first_where_only_one_fits(world, start, engines, most):
    card, pipeline = start(engines)
    assert world.sinks["fake"].more(5)
    pipeline.apply_preset(other(prompt="another"))
    wait_until(lambda: pipeline.preset.prompt == "another")
    wait_until(lambda: len(card.engines) == 2 and card.engines[1].runs > 5)
    assert card.most_open == most
    told = [line for line in world.said if "does not fit beside it" in line]
    assert len(told) == (most == 1)
    assert notice(pipeline) == ""
    assert world.sinks["fake"].more(5)


def test_meanwhile_the_last_picture_stays_whatever_is_shown_after_a_failure(world, start):
    card, pipeline = start(1.5, preset=make_preset(on_error="passthrough"))
    assert world.sinks["fake"].more(5)
    building_now = card.build
    seen = []

    def build(model, asked):
        sink = world.sinks["fake"]
        assert sink.more(20), "viewers get pictures"
        seen.append(len({seq for seq, *_ in sink.frames[-10:]}))
        seen.append(pipeline.stats.snapshot().notice)
        return building_now(model, asked)

    card.build = build
    pipeline.apply_preset(other(on_error="passthrough"))
    wait_until(lambda: len(card.engines) == 2 and card.engines[1].runs > 5)
    assert seen == [
        1,
        "preset custom: its engine is being built · "
        "no engine runs while another one is made, for want of memory",
    ]
    assert notice(pipeline) == ""


def test_if_the_other_one_fails_the_first_is_built_again(world, start):
    card, pipeline = start(1.5)
    assert world.sinks["fake"].more(5)
    card.refused = 1
    pipeline.apply_preset(other(prompt="another"))
    wait_until(lambda: len(card.engines) == 2 and card.engines[1].runs > 5)
    assert card.engines[1].spec.steps == 1
    assert pipeline.preset.prompt != "another"
    wait_until(lambda: "the engine failed" not in notice(pipeline))
    assert card.most_open == 1
    pipeline.apply_preset(other(prompt="another"))
    wait_until(lambda: pipeline.preset.prompt == "another")


def test_a_better_engine_that_does_not_fit_beside_the_first_takes_its_place(world, start):
    """TensorRT after torch, with a plan that is ready once it is wanted."""
    card, pipeline = start(1.5)
    assert world.sinks["fake"].more(5)
    pipeline.apply_preset(make_preset(prompt="edit", backend="torch", precision="bfloat16"))
    wait_until(lambda: len(card.engines) == 2 and card.engines[1].runs > 5)
    assert card.most_open == 1


def test_without_a_frame_nothing_is_closed_and_the_preset_is_refused(world, start, monkeypatch):
    monkeypatch.setattr("streamcam.flow.infer.changes._TIMEOUT_SECONDS", 0.05)
    card, pipeline = start(1.5, frames=None)
    wait_until(lambda: card.engines[0].runs == 1)
    pipeline.apply_preset(other())
    wait_until(lambda: "4.0 GiB on cuda:0 beside the engine that runs" in notice(pipeline))
    assert "The running engine stays." in notice(pipeline)
    assert [engine.closes for engine in card.engines] == [0]


def test_the_status_says_how_much_is_taken(world, monkeypatch):
    from engines.memory import GIB, Memory

    monkeypatch.setattr(
        "streamcam.pipeline.room.memory_of", lambda device: Memory(3 * GIB, 8 * GIB)
    )
    pipeline = world.pipeline()
    world.source = FakeSource(1_000_000, pace=0.002)
    pipeline.start()
    assert pipeline.stats.snapshot().memory == "5.0/8.0 GiB"
