"""A preset's schedule in a run: by media time for a file, by the clock live, until a choice."""

import pytest
from fake_world import FakeEngine, FakeSource, make_preset
from waiting import wait_until

FOREVER = 1_000_000
PLAIN, BRIGHT = 0, 50  # what FakeEngine adds


def entry(look, seconds):
    return {"look": look, "seconds": seconds}


def scheduled(*entries, **fields):
    looks = {"light": "bright", "dark": "night"}
    return make_preset(looks=looks, schedule=[entry(*one) for one in entries], **fields)


@pytest.fixture
def running(world):
    """A live pipeline over a source of one grey."""

    def start(preset):
        world.source = FakeSource(FOREVER, pace=0.001)
        pipeline = world.pipeline(preset=preset)
        pipeline.start()
        assert world.sinks["fake"].reached(3)
        return pipeline

    return start


def look_of(pipeline):
    return pipeline.stats.snapshot().look


@pytest.mark.parametrize("steps", [1, 3])
def test_a_file_follows_the_schedule_by_its_own_time(world, steps):
    """At 25 frames a second: 10 frames plain, 5 bright, and so on, however fast it is rendered."""
    world.source = FakeSource(45)
    preset = scheduled(("custom", 0.4), ("light", 0.2), steps=steps)
    pipeline = world.pipeline(preset=preset, realtime=False)
    pipeline.start()
    assert pipeline.wait(30)
    seen = [grey - (seq + 1) for seq, grey, *_ in world.sinks["fake"].frames]
    # FakeEngine lights what leaves it: a delayed frame gets the look of the one that goes in.
    delay = steps - 1
    expected = [BRIGHT if frame % 15 >= 10 else PLAIN for frame in range(delay, 45)]
    assert seen[: 45 - delay] == expected


def test_a_file_fades_by_its_own_time(world):
    strengths = []

    class Watching(FakeEngine):
        def run(self, frame_HWC, params, out_HWC=None):
            strengths.append(params.strength)
            return super().run(frame_HWC, params, out_HWC)

    world.make_engine = Watching
    world.source = FakeSource(40)
    looks = {"weak": {"strength": 0.2}, "strong": {"strength": 1.0}}
    schedule = [entry("weak", 0.8), entry("strong", 0.8)]
    preset = make_preset(looks=looks, schedule=schedule, crossfade=0.4)
    pipeline = world.pipeline(preset=preset, realtime=False)
    pipeline.start()
    assert pipeline.wait(30)
    rise = [0.2 + 0.8 * step / 10 for step in range(10)]
    assert strengths == pytest.approx([0.2] * 20 + rise + [1.0] * 10, abs=1e-6)


def test_the_look_that_is_on_is_shown(world, running):
    pipeline = running(scheduled(("light", 0.1), ("dark", 0.1)))
    seen = set()
    wait_until(lambda: seen.add(look_of(pipeline)) or seen == {"light", "dark"})
    assert len(world.engines) == 1


def test_a_look_chosen_by_hand_stays_until_the_presets_own_name_is_chosen(world, running):
    pipeline = running(scheduled(("light", 0.1), ("dark", 0.1)))
    pipeline.select_look("light")
    for _ in range(5):
        assert world.sinks["fake"].more(60)
        assert look_of(pipeline) == "light"
    pipeline.select_look("custom")
    wait_until(lambda: look_of(pipeline) == "dark")
    wait_until(lambda: look_of(pipeline) == "light")


def test_saving_the_preset_begins_its_schedule_again(world, running):
    pipeline = running(scheduled(("light", 3600), ("dark", 0.1)))
    pipeline.select_look("dark")
    pipeline.apply_preset(scheduled(("light", 3600), ("dark", 0.1), strength=0.9))
    assert look_of(pipeline) == "light"
    pipeline.apply_preset(make_preset(looks={"light": "bright"}))
    assert look_of(pipeline) == "light", "without a schedule the look that is on stays"
    pipeline.apply_preset(scheduled(("dark", 3600), ("light", 1)))
    assert look_of(pipeline) == "dark"


def test_a_schedule_goes_on_with_another_engine(world, running):
    pipeline = running(scheduled(("light", 3600), ("dark", 1)))
    pipeline.apply_preset(scheduled(("dark", 0.1), ("light", 0.1), steps=2))
    wait_until(lambda: len(world.engines) == 2 and world.engines[1].runs > 5)
    seen = set()
    wait_until(lambda: seen.add(look_of(pipeline)) or seen == {"light", "dark"})


def test_a_look_chosen_while_an_engine_is_built_stays(world, running, go_on):
    pipeline = running(scheduled(("light", 0.1), ("dark", 0.1)))

    def build(spec):
        assert go_on.wait(10)
        return FakeEngine(spec)

    world.make_engine = build
    pipeline.apply_preset(scheduled(("light", 0.1), ("dark", 0.1), steps=2))
    pipeline.select_look("dark")
    go_on.set()
    wait_until(lambda: len(world.engines) == 2 and world.engines[1].runs > 20)
    for _ in range(5):
        assert world.sinks["fake"].more(60)
        assert look_of(pipeline) == "dark"


def test_a_schedule_wakes_the_gate_only_when_something_changes(world):
    world.source = FakeSource(FOREVER, pace=0.001)
    first = world.source.read()
    read = world.source.read
    world.source.read = lambda: type(first)(first.pixels, (now := read()).seq, now.captured_at)
    gate = {"policy": "hysteresis", "max_skip": 1000, "calm_frames": 1}
    pipeline = world.pipeline(preset=scheduled(("light", 0.3), ("dark", 0.3), gate=gate))
    pipeline.start()
    wait_until(lambda: pipeline.stats.total("skipped") > 30)
    wait_until(lambda: world.sinks["fake"].greys[-1] == first.pixels[0, 0, 0])
    wait_until(lambda: world.sinks["fake"].greys[-1] == first.pixels[0, 0, 0] + BRIGHT)
