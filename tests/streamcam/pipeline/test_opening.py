"""How a run begins: all parts at the same time, and what one of them refuses at once."""

import json
from threading import Event

import pytest
from fake_world import FakeEngine, FakeSink, FakeSource, make_preset
from waiting import wait_until

from engines.artifacts import cache_folder
from engines.errors import BackendUnavailable
from streamcam.errors import UsageError
from streamcam.flow.curtain import card

WIDE = {"size": "256x144", "fps": 100.0}
LATER = 10.0  # seconds that something may take on a busy machine


CARD = int(card((128, 128), "The picture is being prepared")[0, 0, 0])  # no grey of a source's


@pytest.fixture
def run(world, monkeypatch):
    """Call with options: a live run, stopped; what it said of its engine. All engines are fast."""
    for module in ("size.fitting", "batching"):
        monkeypatch.setattr(f"streamcam.provision.{module}.frame_seconds", lambda engine: 0.001)

    def once(**options):
        world.source = FakeSource(10**6, pace=0.001)
        world.sinks = {name: FakeSink() for name in world.sinks}
        del world.opened[:]
        pipeline = world.pipeline(**{"size": None, "preset": make_preset(output=WIDE), **options})
        pipeline.start()
        assert world.sinks[options.get("outputs", ("fake",))[0]].reached(1)
        pipeline.stop()
        return next(line for line in reversed(world.said) if line.startswith("engine: "))

    return once


def choices():
    return sorted(cache_folder("choices").glob("*.json"))


def test_the_second_start_takes_what_the_first_one_chose(world, run):
    """Measured once: any engine holds the rate, so it is the largest."""
    first = run()
    assert len(world.engines) == 2
    assert "512x288: engine " in first
    del world.engines[:]
    second = run()
    assert [(one.spec.width, one.spec.height) for one in world.engines] == [(512, 288)]
    assert second == f"{first} (remembered from an earlier start)"
    assert len(choices()) == 1


def test_how_steps_run_is_remembered_as_well(world, run):
    preset = make_preset(steps=3)
    run(preset=preset, size=(128, 128))
    assert [one.spec.batching for one in world.engines] == ["stream", "sequential"]
    del world.engines[:]
    line = run(preset=preset, size=(128, 128))
    (engine,) = world.engines
    assert engine.spec.batching == "sequential", "it shows a picture earlier"
    assert line.endswith(" (remembered from an earlier start)")


@pytest.mark.parametrize(
    "other",
    [
        {"size": (128, 128)},
        {"fps": 20.0},
        {"preset": make_preset(output=WIDE, steps=2)},
        {"preset": make_preset(output=WIDE, guidance_mode="self")},
        {"preset": make_preset(output={"size": "320x180"})},
        {"preset": make_preset(output=WIDE, resolve={"mode": "guided"})},
        {"outputs": ("other",)},
        {"web": True, "outputs": ("fake",)},
        {"source": "another"},
        {"device": "cpu"},
    ],
)
def test_another_kind_of_run_is_chosen_for_itself(world, run, other):
    world.sinks = {"fake": FakeSink()}
    run()
    world.sinks = {name: FakeSink() for name in ("fake", "other", "web")}
    del world.said[:]
    line = run(**{"outputs": ("fake",), **other})
    assert "remembered" not in line
    assert len(choices()) == 2


def test_a_preset_with_other_words_is_the_same_kind(world, run):
    run()
    assert "remembered" in run(preset=make_preset(output=WIDE, prompt="bright", strength=0.9))


def resized(world, pipeline, size):
    """The rate wants another size, and gets it."""
    wait_until(lambda: pipeline._live.adjustable() is not None)
    assert pipeline._live.resize(size, "for the rate")
    wait_until(lambda: pipeline._live.adjustable() is not None)
    wait_until(lambda: world.engines[-1].runs and not world.engines[-1].closes)
    assert (world.engines[-1].spec.width, world.engines[-1].spec.height) == size


def test_a_size_that_followed_the_rate_is_what_the_next_start_begins_with(world, run):
    run()
    world.source = FakeSource(10**6, pace=0.001)
    world.sinks = {"fake": FakeSink()}
    pipeline = world.pipeline(size=None, preset=make_preset(output=WIDE))
    pipeline.start()
    resized(world, pipeline, (320, 176))
    pipeline.stop()
    del world.engines[:]
    assert "320x176: what held the rate (remembered from an earlier start)" in run()
    assert [(one.spec.width, one.spec.height) for one in world.engines] == [(320, 176)]


def test_an_engine_of_another_preset_is_no_choice_for_this_one(world, run):
    run()
    world.source = FakeSource(10**6, pace=0.001)
    world.sinks = {"fake": FakeSink()}
    pipeline = world.pipeline(size=None, preset=make_preset(output=WIDE))
    pipeline.start()
    pipeline.apply_preset(make_preset(output=WIDE, steps=2))
    wait_until(lambda: pipeline.preset.steps == 2)
    resized(world, pipeline, (320, 176))
    pipeline.stop()
    assert "512x288" in run()


def cut_off(text):
    return text[: len(text) // 2]


def digit_flipped(text):
    return text.replace("512", "576")


def of_another_format(text):
    return json.dumps({"check": json.loads(text)["check"]})


@pytest.mark.parametrize(
    "damage",
    [
        cut_off,
        digit_flipped,
        of_another_format,
        lambda text: "",
        lambda text: "[1, 2]",
        lambda text: '{"size": ' + "[" * 100_000,
        lambda text: text.replace("stream", "strzam"),
        lambda text: "\0\xff" + text,
    ],
)
def test_a_damaged_choice_is_told_and_made_anew(world, run, damage):
    run()
    (file,) = choices()
    whole = file.read_text()
    file.write_text(damage(whole), "latin-1")
    del world.said[:], world.engines[:]
    assert "remembered" not in run()
    assert len(world.engines) == 2
    (told,) = (line for line in world.said if "cannot be read and is chosen anew" in line)
    assert str(file) in told
    del world.said[:]
    assert "remembered" in run()
    assert not [line for line in world.said if "cannot be read" in line]


def test_a_choice_that_cannot_be_built_is_made_anew(world, run):
    run()

    def picky(spec):
        if spec.width > 500:
            raise BackendUnavailable("too large by now")
        return FakeEngine(spec)

    world.make_engine = picky
    assert "448x256" in run()
    assert run().endswith(" (remembered from an earlier start)")


def test_a_cache_that_cannot_be_written_is_no_hindrance(world, run, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert "512x288" in run()
    assert "512x288" in run()


def test_an_engine_that_is_remembered_is_made_while_the_outputs_open(world, run):
    run()
    made = Event()

    def make_engine(spec):
        made.set()
        return FakeEngine(spec)

    world.make_engine, open_sink = make_engine, world.open_sink

    def after_the_engine(choice, form):
        assert made.wait(LATER)
        return open_sink(choice, form)

    assert "remembered" in run(open_sink=after_the_engine)


def test_what_outputs_refuse_is_told_before_an_engine_is_chosen(world):
    world.source = FakeSource(10**6, pace=0.001)
    world.sinks = {"fake": UsageError("the disk is full")}
    pipeline = world.pipeline(size=None)
    with pytest.raises(UsageError, match="the disk is full"):
        pipeline.start()
    assert world.engines == []
    assert "source fake" not in world.opened
    assert choices() == []


def test_a_source_that_is_refused_does_not_wait_for_the_engine(world, go_on):
    """It is told at once, and the engine is closed when it is there."""
    opening = Event()

    def refuse(choice, wanted):
        assert opening.wait(LATER)
        raise UsageError("no such camera")

    def make_engine(spec):
        opening.set()
        assert go_on.wait(LATER)
        return FakeEngine(spec)

    world.make_engine = make_engine
    pipeline = world.pipeline(open_source=refuse)
    with pytest.raises(UsageError, match="no such camera"):
        pipeline.start()
    assert "still busy, left behind: build" in world.said
    go_on.set()
    wait_until(lambda: world.engines)
    wait_until(lambda: world.engines[0].closes)


def test_the_source_is_said_before_the_engine_is_there(world, go_on):
    world.source = FakeSource(10**6, pace=0.001)

    def make_engine(spec):
        wait_until(lambda: "source: fake source" in world.said)
        return FakeEngine(spec)

    world.make_engine = make_engine
    world.pipeline().start()
    assert world.sinks["fake"].reached(1)


@pytest.mark.parametrize("paced", [True, False])
def test_outputs_show_a_card_while_the_engine_is_made(world, go_on, paced):
    """But no file: its first picture is the first of the film."""
    world.source = FakeSource(10**6, pace=0.001, still=True)
    shown, film = FakeSink(paced=paced), FakeSink(paced=True)
    film.finishes = "film.mp4"
    world.sinks = {"shown": shown, "film": film}

    def make_engine(spec):
        assert shown.reached(2), "a card, and again"
        return FakeEngine(spec)

    world.make_engine = make_engine
    pipeline = world.pipeline()
    pipeline.start()
    assert film.reached(3)
    assert shown.greys[0] == CARD
    assert CARD not in film.greys
    wait_until(lambda: shown.greys[-1] != CARD)
    counted = pipeline.stats.total("out")
    assert 0 < counted <= len(shown.greys) - shown.greys.count(CARD), "a card is no picture"


def test_a_quick_start_shows_no_card(world):
    world.source = FakeSource(10**6, pace=0.001)
    world.pipeline().start()
    sink = world.sinks["fake"]
    assert sink.reached(1)
    assert sink.greys[0] != CARD


def test_a_run_that_ends_while_its_engine_is_made_closes_it(world, go_on):
    world.source = FakeSource(10**6, pace=0.001)

    def interrupted(line):
        if line.startswith("source: "):
            go_on.set()
            raise KeyboardInterrupt

    def slow_engine(spec):
        assert go_on.wait(LATER)
        return FakeEngine(spec)

    world.make_engine, world.on_say = slow_engine, interrupted
    pipeline = world.pipeline()
    with pytest.raises(KeyboardInterrupt):
        pipeline.start()
    wait_until(lambda: all(engine.closes for engine in world.engines))
