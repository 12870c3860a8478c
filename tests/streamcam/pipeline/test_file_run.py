"""A file goes through whole: every frame once, in order, at its time, and then it ends."""

import threading

import pytest
from fake_world import FakeEngine, FakeSink, FakeSource, make_preset

from streamcam.pipeline import Options


@pytest.mark.parametrize("steps", [1, 2, 4])
@pytest.mark.parametrize("count", [0, 1, 3, 40])
def test_every_frame_comes_out_once_with_its_own_picture_and_time(world, steps, count):
    world.source = FakeSource(count)
    pipeline = world.pipeline(preset=make_preset(steps=steps), realtime=False)
    pipeline.start()
    assert pipeline.wait(30)
    expected = [(seq, seq % 200 + 1, seq / 25, False) for seq in range(count)]
    assert world.sinks["fake"].frames == expected
    world.check_closed()
    assert pipeline.stats.snapshot().dropped == 0


def test_all_outputs_get_all_frames(world):
    world.source = FakeSource(60)
    world.sinks = {"one.mp4": FakeSink(), "two.mp4": FakeSink(paced=True)}
    pipeline = world.pipeline(realtime=False)
    pipeline.start()
    assert pipeline.wait(30)
    for sink in world.sinks.values():
        assert [seq for seq, *_ in sink.frames] == list(range(60))


def test_a_still_picture_is_rendered_anew_for_every_frame(world):
    world.source = FakeSource(1)
    pipeline = world.pipeline(preset=make_preset(gate={"policy": "similarity"}), realtime=False)
    pipeline.start()
    assert pipeline.wait(30)
    assert pipeline.stats.total("skipped") == 0


def test_a_change_of_look_in_the_middle_loses_no_frame(world):
    preset = make_preset(looks={"light": "bright"})

    started = threading.Event()

    def on(count):
        if count == 20:
            assert started.wait(10)
            pipeline.select_look("light")

    world.sinks = {"fake": FakeSink(on=on)}
    world.source = FakeSource(60)
    pipeline = world.pipeline(preset=preset, realtime=False)
    pipeline.start()
    started.set()
    assert pipeline.wait(30)
    frames = world.sinks["fake"].frames
    assert [seq for seq, *_ in frames] == list(range(60))
    lifted = [grey - (seq + 1) for seq, grey, *_ in frames]
    assert lifted == sorted(lifted)
    assert set(lifted) == {0, 50}
    assert pipeline.stats.snapshot().look == "light"


@pytest.mark.parametrize(("before", "after"), [(1, 4), (4, 1), (4, 2)])
def test_another_engine_in_the_middle_loses_no_frame_and_repeats_none(world, go_on, before, after):
    """The sink holds the file up until the new engine is there."""

    started = threading.Event()

    def on(count):
        if count == 10:
            assert started.wait(10)
            pipeline.apply_preset(make_preset(steps=after))
            assert swapped.wait(10)

    swapped = go_on
    world.on_say = lambda line: swapped.set() if len(world.engines) == 2 else None
    world.sinks = {"fake": FakeSink(on=on)}
    world.source = FakeSource(80)
    pipeline = world.pipeline(preset=make_preset(steps=before), realtime=False)
    pipeline.start()
    started.set()
    assert pipeline.wait(30)
    frames = world.sinks["fake"].frames
    assert [(seq, grey) for seq, grey, *_ in frames] == [(seq, seq + 1) for seq in range(80)]
    assert [engine.runs > 0 for engine in world.engines] == [True, True]
    world.check_closed()


def test_a_file_is_rendered_at_the_default_size_whatever_the_speed(world):
    world.source = FakeSource(2, size=(256, 144))
    world.make_engine = lambda spec: FakeEngine(spec, seconds=0.1)
    pipeline = world.pipeline(preset=make_preset(output={}), size=None, realtime=False)
    pipeline.start()
    assert pipeline.wait(30)
    assert [(e.spec.width, e.spec.height) for e in world.engines] == [(448, 256)]


def test_options_say_what_source_and_outputs_get():
    options = Options(
        preset=make_preset(output={"size": "640x360", "fps": 25.0}),
        source="a.mp4",
        outputs=("b.mp4",),
        fps=50.0,
        realtime=False,
    )
    form, wanted = options.format, options.wanted
    assert (form.width, form.height, form.fps, form.realtime) == (640, 360, 50.0, False)
    assert (wanted.width, wanted.height, wanted.fps) == (640, 360, 50.0)
    assert (wanted.realtime, wanted.loop) == (False, False)
