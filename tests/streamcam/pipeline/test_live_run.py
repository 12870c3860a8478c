"""Live: the newest frame wins, the looks change between two frames, and stopping is prompt."""

import os
import sys
import threading
from dataclasses import replace

import pytest
from fake_world import FakeEngine, FakeSink, FakeSource, make_preset
from waiting import wait_until

from streamcam.errors import UsageError
from streamcam.sink import Format
from streamcam.sink.web import WebSink

FOREVER = 1_000_000


@pytest.fixture
def running(world):
    """Call with a preset: a live pipeline that shows pictures already."""

    def start(preset=None, **options):
        world.source = world.source or FakeSource(FOREVER, pace=0.001)
        pipeline = world.pipeline(preset=preset, **options)
        pipeline.start()
        assert world.sinks["fake"].reached(3)
        return pipeline

    return start


def _still_life():
    """Frame after frame of the same picture, as from a camera before a still scene."""
    source = FakeSource(FOREVER, pace=0.001)
    read, first = source.read, source.read()
    source.read = lambda: replace(read(), pixels=first.pixels)
    return source


def test_frames_keep_their_order_and_every_loss_is_counted(world, running):
    world.make_engine = lambda spec: FakeEngine(spec, seconds=0.005)
    pipeline = running()
    assert world.sinks["fake"].reached(30)
    pipeline.stop()
    seqs = [seq for seq, *_ in world.sinks["fake"].frames]
    assert seqs == sorted(seqs)
    # A frame is shown again when a picture comes before the next frame does.
    assert len(set(seqs)) > 0.8 * len(seqs)
    assert pipeline.stats.snapshot().dropped > 0


def test_what_came_before_the_engine_was_ready_does_not_count_as_dropped(world):
    class Slow(FakeEngine):
        def __init__(self, spec):
            threading.Event().wait(0.1)
            super().__init__(spec)

    world.make_engine = Slow
    world.source = FakeSource(5)  # all gone before there is an engine, but for the newest
    pipeline = world.pipeline()
    pipeline.start()
    assert pipeline.wait(30)
    assert [seq for seq, *_ in world.sinks["fake"].frames] == [4]
    assert pipeline.stats.snapshot().dropped == 0


def test_wait_comes_back_while_it_runs_and_again_when_it_has_ended(world, running):
    pipeline = running()
    assert pipeline.wait(0.01) is False
    assert pipeline.wait(0.0) is False
    pipeline.stop()
    pipeline.stop()
    assert pipeline.wait(1) is True


def test_a_finite_source_ends_a_live_run(world):
    world.source = FakeSource(5, pace=0.001)
    pipeline = world.pipeline()
    pipeline.start()
    assert pipeline.wait(30)
    world.check_closed()


@pytest.mark.parametrize("still", [True, False])
def test_stop_ends_all_threads(world, running, still):
    world.source = FakeSource(FOREVER, pace=0.001, still=still)
    world.sinks = {"fake": FakeSink(paced=True), "other": FakeSink()}
    pipeline = running()
    names = {thread.name for thread in threading.enumerate()}
    assert {"capture", "infer", "post", "rebuild", "sink fake", "sink other"} <= names
    pipeline.stop()
    world.check_closed()


def test_devices_are_used_by_their_own_thread(world, running):
    running().stop()
    assert world.source.threads == {"capture"}
    assert world.sinks["fake"].threads >= {"sink fake", "closed on sink fake"}


def test_a_sink_that_insists_gets_the_main_thread(world):
    world.sinks = {"fake": FakeSink(main_thread=True)}
    world.source = FakeSource(20, pace=0.001)
    pipeline = world.pipeline(realtime=False)
    pipeline.start()
    while not pipeline.wait(0.005):
        pass
    sink = world.sinks["fake"]
    assert [seq for seq, *_ in sink.frames] == list(range(20))
    assert sink.threads == {"MainThread", "closed on MainThread"}


def test_stop_serves_a_sink_on_the_main_thread_until_it_is_closed(world):
    world.sinks = {"fake": FakeSink(main_thread=True, paced=True)}
    world.source = FakeSource(FOREVER, pace=0.001)
    pipeline = world.pipeline()
    pipeline.start()
    assert pipeline.wait(0.1) is False
    pipeline.stop()
    world.check_closed()
    assert world.sinks["fake"].threads == {"MainThread", "closed on MainThread"}
    assert world.sinks["fake"].frames


def test_an_error_on_the_main_thread_ends_the_run(world):
    error = UsageError("the window is gone")
    world.sinks = {"fake": FakeSink(main_thread=True, fails=error)}
    world.source = FakeSource(FOREVER, pace=0.001)
    pipeline = world.pipeline()
    pipeline.start()
    with pytest.raises(UsageError):
        pipeline.wait(30)
    world.check_closed()


def test_a_still_source_is_spared_and_its_picture_repeated(world, running):
    world.source = _still_life()
    pipeline = running(make_preset(gate={"policy": "similarity"}))
    assert world.sinks["fake"].more(60)
    assert pipeline.stats.snapshot().skipped > 0.5
    assert any(repeat for *_, repeat in world.sinks["fake"].frames)
    assert set(world.sinks["fake"].greys) == {1}


def test_a_look_changes_the_picture_and_says_so(world, running):
    world.source = _still_life()
    preset = make_preset(looks={"light": "bright"})
    pipeline = running(preset)
    assert pipeline.look_names() == ["custom", "light"]
    assert pipeline.stats.snapshot().look == "custom"
    pipeline.select_look("light")
    wait_until(lambda: world.sinks["fake"].greys[-1] == 51)
    assert pipeline.stats.snapshot().look == "light"
    pipeline.select_look("custom")
    wait_until(lambda: world.sinks["fake"].greys[-1] == 1)
    assert len(world.engines) == 1


def test_a_look_wakes_a_gate_that_sleeps_before_a_still_source(world, running):
    world.source = _still_life()
    gate = {"policy": "hysteresis", "max_skip": 1000, "calm_frames": 1}
    pipeline = running(make_preset(steps=4, gate=gate, looks={"light": "bright"}))
    wait_until(lambda: pipeline.stats.total("skipped") > 10)
    pipeline.select_look("light")
    wait_until(lambda: world.sinks["fake"].greys[-1] == 51)


def test_an_edited_preset_keeps_the_look_that_runs(world, running):
    pipeline = running(make_preset(looks={"light": "bright"}))
    pipeline.select_look("light")
    edited = make_preset(looks={"light": "bright and clear"}, strength=0.9)
    pipeline.apply_preset(edited)
    assert pipeline.stats.snapshot().look == "light"
    assert pipeline.preset is edited
    pipeline.apply_preset(make_preset())
    assert pipeline.stats.snapshot().look == "custom"
    assert len(world.engines) == 1


def test_a_saved_preset_with_a_look_that_cannot_be_read_changes_nothing(world, running, picky):
    pipeline = running(make_preset(looks={"light": "bright"}))
    before = pipeline.preset
    with pytest.raises(UsageError, match=r"preset custom: looks\.light: too long"):
        pipeline.apply_preset(make_preset(looks={"light": "endless"}))
    pipeline.apply_preset(make_preset(steps=2, looks={"light": "endless"}))
    wait_until(lambda: "looks.light: too long" in pipeline.stats.snapshot().notice)
    assert pipeline.preset is before
    assert world.sinks["fake"].more()


def test_a_saved_preset_may_turn_mirror_and_gate(world, running):
    pipeline = running()
    gates = []
    pipeline._live.workers.infer.use_gate = lambda opener: gates.append(opener(0))
    chains = []
    pipeline._live.workers.post.swap = chains.append
    pipeline.apply_preset(make_preset(output={"size": "128x128", "fps": 100.0, "mirror": True}))
    assert (len(gates), len(chains)) == (0, 1)
    output = {"size": "128x128", "fps": 100.0, "mirror": True}
    pipeline.apply_preset(make_preset(gate={"policy": "hysteresis"}, output=output))
    assert (len(gates), len(chains)) == (1, 1)
    assert type(gates[0]._gate).__name__ == "HysteresisGate"


def test_another_output_size_waits_for_the_next_start_and_says_so(world, running):
    pipeline = running()
    pipeline.apply_preset(make_preset(output={"size": "256x128", "fps": 100.0}))
    assert "keep 128x128 at 100 fps" in pipeline.stats.snapshot().notice
    assert world.sinks["fake"].more()
    assert world.sinks["fake"].sizes == {(128, 128)}
    pipeline.apply_preset(make_preset())
    assert pipeline.stats.snapshot().notice == ""


def test_another_engine_is_built_beside_the_running_one(world, running, go_on):
    pipeline = running(make_preset(steps=1))
    old = world.engines[0]
    building = threading.Event()

    def build(spec):
        building.set()
        assert go_on.wait(10)
        return FakeEngine(spec)

    world.make_engine = build
    wanted = make_preset(steps=4)
    pipeline.apply_preset(wanted)
    assert building.wait(10)
    assert world.sinks["fake"].more(20), "the picture goes on meanwhile"
    assert "is being built" in pipeline.stats.snapshot().notice
    assert pipeline.preset is not wanted
    go_on.set()
    wait_until(lambda: old.closes and world.engines[1].runs > 5)
    assert pipeline.preset is wanted
    assert pipeline.stats.snapshot().notice == ""
    assert world.said[-1] == "engine: fake S=4, 128x128, 4 steps"
    assert min(world.sinks["fake"].greys) > 0, "no black picture"


def test_the_picture_goes_on_while_a_prompt_is_encoded(world, running, go_on):
    encoding = threading.Event()

    class Slow(FakeEngine):
        def encode(self, prompt):
            if "long" in prompt:
                encoding.set()
                assert go_on.wait(10)
            return super().encode(prompt)

    world.make_engine = Slow
    pipeline = running()
    wanted = make_preset(prompt="long")
    edit = threading.Thread(target=pipeline.apply_preset, args=(wanted,))
    edit.start()
    assert encoding.wait(10)
    assert world.sinks["fake"].more(20)
    go_on.set()
    edit.join(10)
    assert pipeline.preset is wanted
    assert len(world.engines) == 1


def test_an_engine_that_cannot_be_built_leaves_the_running_one_and_says_why(world, running):
    pipeline = running(make_preset(steps=1))

    def build(spec):
        raise RuntimeError("out of memory")

    world.make_engine = build
    before = pipeline.preset
    pipeline.apply_preset(make_preset(steps=2))
    wait_until(lambda: "out of memory" in pipeline.stats.snapshot().notice)
    assert pipeline.preset is before
    assert world.sinks["fake"].more()
    world.make_engine = FakeEngine
    pipeline.apply_preset(make_preset(steps=2))  # saved again: tried again
    wait_until(lambda: len(world.engines) == 2 and world.engines[1].runs)


def test_an_edit_while_its_engine_is_built_is_taken_along(world, running, go_on):
    pipeline = running()

    def build(spec):
        assert go_on.wait(10)
        return FakeEngine(spec)

    world.make_engine = build
    pipeline.apply_preset(make_preset(steps=4))
    edited = make_preset(steps=4, strength=0.9)
    pipeline.apply_preset(edited)
    go_on.set()
    wait_until(lambda: pipeline.preset is edited)
    assert len(world.engines) == 2, "one build for both"


def test_going_back_while_an_engine_is_built_forgets_it(world, running, go_on):
    pipeline = running(make_preset(steps=1))
    building = threading.Event()

    def build(spec):
        building.set()
        assert go_on.wait(10)
        return FakeEngine(spec)

    world.make_engine = build
    pipeline.apply_preset(make_preset(steps=4))
    assert building.wait(10)
    back = make_preset(steps=1, strength=0.9)
    pipeline.apply_preset(back)
    go_on.set()
    wait_until(lambda: len(world.engines) == 2 and world.engines[1].closes)
    assert pipeline.preset is back
    assert world.engines[1].runs == 0
    assert not world.engines[0].closes


def test_stopping_during_a_rebuild_closes_what_it_builds(world, running, go_on, monkeypatch):
    monkeypatch.setattr("streamcam.flow.stages.PATIENCE", 0.1)
    pipeline = running()
    building = threading.Event()

    def build(spec):
        building.set()
        assert go_on.wait(10)
        return FakeEngine(spec)

    world.make_engine = build
    pipeline.apply_preset(make_preset(steps=4))
    assert building.wait(10)
    pipeline.stop()
    assert world.said[-1] == "still busy, left behind: rebuild"
    go_on.set()
    wait_until(lambda: len(world.engines) == 2 and world.engines[1].closes)


def test_an_automatic_size_holds_the_rate_in_the_shape_of_the_output(world, running):
    world.make_engine = lambda spec: FakeEngine(
        spec, seconds=0.035 * spec.width * spec.height / 114688
    )
    running(make_preset(output={"size": "720x1280", "fps": 30.0}), size=None)
    first, chosen = (engine.spec for engine in world.engines)
    assert (first.width, first.height) == (256, 448)
    assert chosen.width / chosen.height == pytest.approx(9 / 16, rel=0.05)
    assert chosen.width < 256
    assert world.engines[0].closes
    assert any(f"{chosen.width}x{chosen.height}: engine" in line for line in world.said)
    assert world.sinks["fake"].sizes == {(720, 1280)}


def test_between_bars_an_automatic_size_has_the_shape_of_the_source(world, running):
    world.source = FakeSource(FOREVER, size=(120, 160), pace=0.001)
    output = {"size": "1280x720", "fps": 1.0, "fit": "letterbox"}
    running(make_preset(output=output), size=None)
    spec = world.engines[-1].spec
    assert spec.width / spec.height == pytest.approx(3 / 4, rel=0.08)


def test_an_automatic_size_stays_when_the_preset_changes(world, running):
    pipeline = running(make_preset(), size=None)
    size = world.sinks["fake"].sizes
    first = world.engines[-1].spec
    pipeline.apply_preset(make_preset(steps=2))
    wait_until(lambda: pipeline.preset.steps == 2)
    second = world.engines[-1].spec
    assert (first.width, first.height) == (second.width, second.height)
    assert size == {(128, 128)}


def test_the_page_shows_the_picture_unless_it_shall_not(world, running):
    world.sinks["web"] = page = WebSink(Format(128, 128, 30.0))
    assert running(outputs=("fake",), web=True).web_sink is page
    assert "output: local web page" not in world.said


def test_without_a_page_there_is_no_web_sink(world, running):
    assert running(web=False).web_sink is None


@pytest.mark.parametrize("sound", [True, False])
@pytest.mark.parametrize("output", ["film.mp4", "null"])
def test_a_line_says_that_a_recording_has_no_sound(world, sound, output):
    world.source = FakeSource(FOREVER, pace=0.001)
    world.source.sound = sound
    world.sinks = {output: FakeSink()}
    world.sinks[output].finishes = output if output == "film.mp4" else None
    world.pipeline().start()
    assert world.sinks[output].reached(1)
    line = "sound: left out, recordings hold the picture alone"
    assert (line in world.said) == (sound and output == "film.mp4")


def test_a_line_says_that_a_source_is_being_waited_for(world, running, monkeypatch):
    monkeypatch.setattr("streamcam.flow.main_thread._POLL_SECONDS", 0.01)
    come = threading.Event()
    world.on_say = lambda line: come.set() if line.startswith("source: waiting") else None
    source = FakeSource(FOREVER, pace=0.001)
    world.source = source
    running(open_source=lambda *_: come.wait(10) and source)
    assert world.said[:3] == [
        "output: fake",
        "source: waiting for the video",
        "source: fake source",
    ]


def test_a_question_of_the_system_is_what_is_said_meanwhile(world, running, monkeypatch):
    monkeypatch.setattr("streamcam.flow.main_thread._POLL_SECONDS", 0.01)
    monkeypatch.setattr("streamcam.capture.camera.permission.is_asked", lambda: True)
    come = threading.Event()
    world.on_say = lambda line: come.set() if line.startswith("source: macOS asks") else None
    world.source = FakeSource(FOREVER, pace=0.001)
    running(source="camera:0", open_source=lambda *_: come.wait(10) and world.source)
    assert world.said[1] == (
        "source: macOS asks whether this terminal may use the camera: allow it in its window"
    )


def test_the_lines_say_what_was_opened(world, running):
    running()
    assert world.said == ["output: fake", "source: fake source", "engine: fake S=1, 128x128"]


@pytest.mark.skipif(sys.platform != "linux", reason="where a pool inherits its builder's priority")
def test_the_engine_gives_way_to_what_keeps_time(world, running):
    """An engine's pool has the priority of the thread that builds it."""
    nice = {}

    def seen(where):
        nice.setdefault(where, os.getpriority(os.PRIO_PROCESS, 0))

    class Seen(FakeEngine):
        def __init__(self, spec):
            seen("rebuild" if "build" in nice else "build")
            super().__init__(spec)

        def run(self, frame_HWC, params, out_HWC=None):
            seen("infer")
            return super().run(frame_HWC, params, out_HWC)

    world.make_engine = Seen
    world.sinks["fake"].on = lambda count: seen("sink")
    pipeline = running()
    pipeline.apply_preset(make_preset(steps=2))
    wait_until(lambda: "rebuild" in nice)
    pipeline.stop()
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert nice["build"] == nice["rebuild"] == ours + 5
    assert nice["infer"] == nice["sink"] <= ours
