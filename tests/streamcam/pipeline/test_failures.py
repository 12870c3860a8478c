"""Wherever it breaks, everything ends, every device is closed, and the cause is what is raised."""

import threading

import pytest
from fake_world import FakeEngine, FakeSink, FakeSource, make_preset
from waiting import wait_until

from engines.errors import BackendUnavailable, EngineFailed, InvalidPrompt
from streamcam.errors import SinkFailed, SourceLost, UnknownChoice, UsageError

MODES = pytest.mark.parametrize("realtime", [True, False])


class Surprise(Exception):
    """An error that nobody expected."""


def _raised_by_wait(pipeline, error):
    pipeline.start()
    with pytest.raises(type(error)) as caught:
        pipeline.wait(30)
    assert caught.value is error
    with pytest.raises(type(error)):
        pipeline.wait(30)


@pytest.mark.parametrize("error", [SourceLost("unplugged"), Surprise("read")])
def test_a_source_that_breaks_while_a_file_is_rendered(world, error):
    world.source = FakeSource(1000, pace=0.001, fails=error)
    _raised_by_wait(world.pipeline(realtime=False), error)
    world.check_closed()


@pytest.mark.parametrize("error", [SourceLost("unplugged"), Surprise("read")])
def test_a_source_that_breaks_live_is_opened_again(world, error):
    sources = [FakeSource(1000, pace=0.001, fails=error), FakeSource(10**6, pace=0.001)]
    opened = []
    pipeline = world.pipeline(open_source=lambda *_: opened.append(sources.pop(0)) or opened[-1])
    pipeline.start()
    wait_until(lambda: "trying again" in pipeline.stats.snapshot().notice)
    assert str(error) in pipeline.stats.snapshot().notice
    wait_until(lambda: len(opened) == 2 and pipeline.stats.total("in") > 10)
    assert pipeline.stats.snapshot().notice == ""
    pipeline.stop()
    assert all(source.closes for source in opened)
    world.check_closed()


@pytest.mark.parametrize("error", [EngineFailed("device lost"), Surprise("run")])
def test_an_engine_that_breaks_while_a_file_is_rendered(world, error):
    """Live it is built again: see test_faults.py."""
    world.source = FakeSource(1000, pace=0.001)
    world.make_engine = lambda spec: FakeEngine(spec, fails=error)
    _raised_by_wait(world.pipeline(realtime=False), error)
    world.check_closed()


@MODES
def test_a_step_after_the_engine_that_breaks(world, monkeypatch, realtime):
    error = Surprise("resize")

    def finish(self, *frames):
        raise error

    for step in ("plain", "with_its_frame", "current"):
        monkeypatch.setattr(f"streamcam.flow.post.finish.Finish.{step}", finish)
    world.source = FakeSource(1000, pace=0.001)
    _raised_by_wait(world.pipeline(realtime=realtime), error)
    world.check_closed()


@pytest.mark.parametrize("which", ["first", "second"])
def test_a_sink_that_breaks_ends_a_file_run_and_the_others_in_order(world, which):
    error = SinkFailed("disk full")
    world.sinks = {
        name: FakeSink(fails=error if name == which else None) for name in ("first", "second")
    }
    world.source = FakeSource(1000, pace=0.001)
    _raised_by_wait(world.pipeline(realtime=False), error)
    world.check_closed()


@pytest.mark.parametrize("paced", [True, False])
@pytest.mark.parametrize("which", ["first", "second"])
def test_a_sink_that_breaks_live_leaves_the_others_alone(world, paced, which):
    """A full disk ends the recording, not the stream; without any output left the run ends."""
    error = SinkFailed("disk full")
    world.sinks = {
        name: FakeSink(paced=paced, fails=error if name == which else None)
        for name in ("first", "second")
    }
    world.source = FakeSource(100_000, pace=0.001)
    pipeline = world.pipeline()
    pipeline.start()
    (other,) = {"first", "second"} - {which}
    wait_until(lambda: world.sinks[which].closes)
    assert world.sinks[other].more(20)
    assert pipeline.stats.snapshot().notice == f"output {which}: disk full"
    assert not pipeline.wait(0.1)
    world.sinks[other].fails = last = SinkFailed("device gone")
    world.sinks[other].frames = world.sinks[other].frames[:3]
    with pytest.raises(ExceptionGroup) as caught:
        pipeline.wait(30)
    assert set(caught.value.exceptions) == {error, last}


def test_a_page_that_breaks_beside_the_output_does_no_harm(world, monkeypatch):
    world.sinks = {"web": FakeSink(fails=SinkFailed("no")), "fake": FakeSink()}
    world.source = FakeSource(100_000, pace=0.001)
    pipeline = world.pipeline(outputs=("fake",), web=True)
    pipeline.start()
    wait_until(lambda: world.sinks["web"].closes)
    assert world.sinks["fake"].more(20)
    assert not pipeline.wait(0.1)


def test_a_page_is_no_reason_to_go_on_without_an_output(world):
    error = SinkFailed("disk full")
    world.sinks = {"web": FakeSink(), "fake": FakeSink(fails=error)}
    world.source = FakeSource(100_000, pace=0.001)
    _raised_by_wait(world.pipeline(outputs=("fake",), web=True), error)
    world.check_closed()


@pytest.mark.parametrize("paced", [True, False])
def test_a_sink_that_can_be_had_again_is_opened_again(world, monkeypatch, paced):
    monkeypatch.setattr("streamcam.clock.backoff._FIRST_SECONDS", 0.05)
    broken = FakeSink(paced=paced, fails=SinkFailed("the driver went away"))
    broken.reopen_as = "fake:again"
    world.sinks = {"fake": broken}
    world.source = FakeSource(100_000, pace=0.001)
    pipeline = world.pipeline()
    pipeline.start()
    wait_until(lambda: "the driver went away; opening" in pipeline.stats.snapshot().notice)
    assert broken.closes
    world.sinks["fake:again"] = UsageError("still gone")
    wait_until(lambda: world.opened.count("sink fake:again") > 1)
    world.sinks["fake:again"] = FakeSink(paced=paced)
    wait_until(lambda: pipeline.stats.snapshot().notice == "")
    assert world.sinks["fake:again"].more(20)


@MODES
def test_a_sink_that_breaks_while_the_source_stands_still(world, realtime):
    """Nothing moves that could find the closed queue: the end must still come at once."""
    error = SinkFailed("device gone")
    sink = FakeSink()

    def fail(count):
        raise error

    sink.on = fail
    world.sinks = {"fake": sink}
    world.source = FakeSource(1000, still=True)
    _raised_by_wait(world.pipeline(realtime=realtime), error)
    world.check_closed()


def test_a_sink_that_cannot_finish_its_file(world):
    world.source = FakeSource(5)
    sink = world.sinks["fake"]
    sink.close_error = SinkFailed("cannot finish")
    _raised_by_wait(world.pipeline(realtime=False), sink.close_error)
    sink.close_error = None
    assert len(sink.frames) == 5


def test_a_rebuild_that_meets_a_bug(world):
    world.source = FakeSource(100_000, pace=0.001)
    pipeline = world.pipeline()
    pipeline.start()
    assert world.sinks["fake"].reached(3)
    error = Surprise("in the compiler")

    def build(spec):
        raise error

    world.make_engine = build
    pipeline.apply_preset(make_preset(steps=2))
    with pytest.raises(Surprise) as caught:
        pipeline.wait(30)
    assert caught.value is error
    world.check_closed()


def test_several_failures_come_together(world):
    first, second = SinkFailed("disk full"), SinkFailed("device gone")
    world.sinks = {"first": FakeSink(fails=first), "second": FakeSink()}
    world.sinks["second"].close_error = second
    world.source = FakeSource(1000)
    pipeline = world.pipeline(realtime=False)
    pipeline.start()
    with pytest.raises(ExceptionGroup) as caught:
        pipeline.wait(30)
    assert set(caught.value.exceptions) == {first, second}
    world.sinks["second"].close_error = None


@pytest.mark.parametrize("error", [UsageError("camera:7 is not there"), Surprise("driver")])
def test_a_source_that_does_not_open(world, error):
    world.source = error
    with pytest.raises(type(error)) as caught:
        world.pipeline().start()
    assert caught.value is error
    assert world.engines == [], "nobody waits for an engine"
    assert world.sinks["fake"].frames == []
    world.check_closed()


def test_a_source_that_fails_while_the_engine_is_built(world, go_on):
    """No second engine is built, and nothing is measured."""
    error = UsageError("the camera gives no picture")

    def open_source(choice, wanted):
        assert go_on.wait(10)
        raise error

    def build(spec):
        capture = next(one for one in threading.enumerate() if one.name == "capture")
        go_on.set()
        capture.join(10)
        return FakeEngine(spec, fails=Surprise("measured"))

    world.make_engine = build
    with pytest.raises(UsageError) as caught:
        world.pipeline(size=None, open_source=open_source).start()
    assert caught.value is error
    assert len(world.engines) == 1
    world.check_closed()


@pytest.mark.parametrize("error", [BackendUnavailable("no GPU"), Surprise("driver")])
def test_an_engine_that_cannot_be_built(world, error):
    def build(spec):
        raise error

    world.make_engine = build
    world.source = FakeSource(1000, pace=0.001)
    with pytest.raises(type(error)) as caught:
        world.pipeline().start()
    assert caught.value is error
    world.check_closed()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"prompt": "endless"}, "preset custom: too long"),
        ({"looks": {"noir": "endless"}}, r"preset custom: looks\.noir: too long"),
    ],
)
def test_a_prompt_the_engine_cannot_read(world, picky, fields, message):
    """Also that of a look which nobody has chosen yet."""
    world.source = FakeSource(1000, pace=0.001)
    with pytest.raises(InvalidPrompt, match=message):
        world.pipeline(preset=make_preset(**fields)).start()
    world.check_closed()


def test_an_output_that_is_refused_opens_neither_source_nor_engine(world):
    world.sinks = {"good": FakeSink(), "bad": UsageError("there is no folder")}
    world.source = FakeSource(10)
    with pytest.raises(UsageError, match="no folder"):
        world.pipeline().start()
    assert world.opened == ["sink good", "sink bad"]
    world.check_closed()


def test_an_interrupt_while_opening_closes_everything(world):
    def build(spec):
        raise KeyboardInterrupt

    world.make_engine = build
    world.source = FakeSource(1000, pace=0.001)
    with pytest.raises(KeyboardInterrupt):
        world.pipeline().start()
    world.check_closed()


def test_a_thread_that_hangs_is_left_behind_and_named(world, go_on, monkeypatch):
    monkeypatch.setattr("streamcam.flow.stages.PATIENCE", 0.1)
    world.sinks = {"stuck": FakeSink(on=lambda count: go_on.wait(10)), "fine": FakeSink()}
    world.source = FakeSource(1000, pace=0.001)
    pipeline = world.pipeline()
    pipeline.start()
    assert world.sinks["stuck"].reached(1)
    pipeline.stop()
    assert world.said[-1] == "still busy, left behind: sink stuck"
    assert world.sinks["fine"].closes
    go_on.set()


@pytest.fixture
def finishing(world, go_on, monkeypatch):
    """A run whose output needs as long to finish its file as `go_on` is not set."""
    monkeypatch.setattr("streamcam.flow.stages.PATIENCE", 0.1)

    class Slow(FakeSink):
        def close(self):
            assert go_on.wait(20)
            super().close()

    world.sinks = {"slow": Slow(), "fine": FakeSink()}
    world.sinks["slow"].finishes = "out.mp4"
    world.source = FakeSource(100_000, pace=0.001)
    pipeline = world.pipeline()
    pipeline.start()
    assert world.sinks["slow"].reached(3)
    return pipeline


def test_a_file_is_finished_however_long_that_takes(world, finishing, go_on):
    stopping = threading.Thread(target=finishing.stop, name="stops")
    stopping.start()
    wait_until(lambda: world.said[-1] == "finishing out.mp4 …; Ctrl-C again gives up")
    assert world.sinks["fine"].closes
    stopping.join(0.3)
    assert stopping.is_alive(), "nobody waits for it any more"
    go_on.set()
    stopping.join(10)
    assert finishing.errors == []
    assert world.said.count("finishing out.mp4 …; Ctrl-C again gives up") == 1
    finishing.stop()
    world.check_closed()


def test_who_does_not_want_to_wait_for_a_file_is_told_what_is_left(world, finishing, go_on):
    """A wish from before anybody knew what there is to wait for does not count."""
    wishes = []

    def hurry():
        said = any(line.startswith("finishing") for line in world.said)
        wishes.append(said)
        return not said or len(wishes) > 20

    finishing._hurry = hurry
    finishing.stop()
    assert True in wishes
    assert [str(error) for error in finishing.errors] == [
        "nobody waited until out.mp4 was finished: it can be played as it is"
    ]
    assert world.said[-1] == "still busy, left behind: sink slow"
    go_on.set()
    wait_until(lambda: world.sinks["slow"].closes)


def test_what_goes_wrong_at_the_stop_is_kept_and_nothing_hides_another(world):
    first, second = SinkFailed("cannot finish a.mp4"), SinkFailed("cannot finish b.mp4")
    world.sinks = {"first": FakeSink(), "second": FakeSink()}
    for name, error in (("first", first), ("second", second)):
        world.sinks[name].close_error = error

    class Sticky(FakeEngine):
        def close(self):
            super().close()
            if self.closes == 1:
                raise Surprise("device lost")

    world.make_engine = Sticky
    world.source = FakeSource(100_000, pace=0.001)
    pipeline = world.pipeline()
    pipeline.start()
    assert world.sinks["first"].reached(3)
    pipeline.stop()
    engine, *rest = pipeline.errors
    assert rest == [first, second]
    assert isinstance(engine, EngineFailed)
    assert str(engine).startswith("the engine could not be closed: Surprise: device lost (test_fai")
    pipeline.stop()
    assert len(pipeline.errors) == 3


def test_what_cannot_be_closed_again_does_not_hide_why_it_did_not_open(world):
    world.sinks = {"sticky": FakeSink(), "bad": UsageError("there is no folder")}
    world.sinks["sticky"].close_error = Surprise("driver")
    pipeline = world.pipeline()
    with pytest.raises(UsageError, match="no folder"):
        pipeline.start()
    (error,) = pipeline.errors
    assert str(error).startswith("what was opened could not be closed again: Surprise: driver (")


def test_an_output_that_was_lost_on_the_way_is_known_at_the_stop(world):
    error = SinkFailed("disk full")
    world.sinks = {"first": FakeSink(), "second": FakeSink(fails=error)}
    world.source = FakeSource(100_000, pace=0.001)
    pipeline = world.pipeline()
    pipeline.start()
    wait_until(lambda: world.sinks["second"].closes)
    assert world.sinks["first"].more(20)
    pipeline.stop()
    assert pipeline.errors == [error]


def test_the_controls_refuse_what_is_not_there(world):
    world.source = FakeSource(100_000, pace=0.001)
    pipeline = world.pipeline()
    pipeline.start()
    with pytest.raises(UnknownChoice, match="look"):
        pipeline.select_look("nowhere")
    for name in ("nowhere", "../secret.toml", "/etc/passwd"):
        with pytest.raises(UnknownChoice, match="preset"):
            pipeline.select_preset(name)
    assert world.sinks["fake"].more()
