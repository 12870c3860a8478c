"""Whatever breaks in the engine, viewers see a restyled picture or a card, and it is mended."""

import threading

import pytest
from fake_world import FakeEngine, FakeSink, FakeSource, make_preset
from waiting import wait_until

from engines.errors import BackendUnavailable, EngineFailed
from streamcam.errors import SourceLost, UsageError
from streamcam.flow.curtain import card
from streamcam.pipeline.live import Live

BRIGHT = 50  # what the engine adds: a grey without it is the raw picture
CARDS = {
    int(card((128, 128), reason)[0, 0, 0])
    for reason in ("", "The picture engine is being started again")
}


class Surprise(Exception):
    """An error that nobody expected."""


class Marked(FakeSource):
    """Pictures with something in them: the grey of their number, and white lines."""

    def read(self):
        frame = super().read()
        frame.pixels[64:, ::2] = 255
        return frame


class Scripted(FakeEngine):
    """Restyles, until its fourth frame, for which `act` is called with the engine."""

    def __init__(self, spec, act=None, at=3):
        super().__init__(spec)
        self.act, self.at = act, at

    def run(self, frame_HWC, params, out_HWC=None):
        out = super().run(frame_HWC, params, out_HWC)
        if self.act is not None and self.runs > self.at:
            self.act(out)
        return out


def _raise(error):
    def act(_picture):
        raise error

    return act


@pytest.fixture
def start(world, monkeypatch):
    """Start a bright run with one `act` for each engine that is built; the last for all others.

    `before_another` is called before any engine but the first is built.
    """
    monkeypatch.setattr("streamcam.pipeline.watchdog._HELD_SECONDS", 0.2)

    def go(*acts, before_another=lambda: None, size=(256, 144), **fields):
        world.source = world.source or Marked(1_000_000, pace=0.002)
        world.sinks.setdefault("fake", FakeSink()).paced = True

        def make_engine(spec):
            number = len(world.engines)
            if number:
                before_another()
            return Scripted(spec, acts[min(number, len(acts) - 1)])

        world.make_engine = make_engine
        output = {"size": "128x128", "fps": 100.0}
        preset = make_preset(**{"prompt": "bright", "output": output, **fields})
        pipeline = world.pipeline(preset=preset, size=size)
        pipeline.start()
        return pipeline

    return go


def _notice(pipeline):
    return pipeline.stats.snapshot().notice


def _raw_pictures(sink):
    """Frames that show their source's picture as it is."""
    return [seen for seen in sink.frames if seen[1] == seen[0] % 200 + 1 and seen[1] not in CARDS]


def test_an_engine_that_fails_is_built_again(world, start):
    pipeline = start(_raise(EngineFailed("the device was removed")), None)
    sink = world.sinks["fake"]
    wait_until(lambda: len(world.engines) == 2 and not _notice(pipeline))
    assert sink.more(30)
    assert world.engines[0].closes
    assert world.engines[0].spec == world.engines[1].spec
    assert not _raw_pictures(sink)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (EngineFailed("the device was removed"), "failed: the device was removed. It is built"),
        (RuntimeError("CUDA out of memory."), "RuntimeError: CUDA out of memory. (test_faults.py:"),
        (MemoryError(), "MemoryError: MemoryError (test_faults.py:"),
        (Surprise("who\nknows"), "Surprise: who knows (test_faults.py:"),
    ],
)
def test_while_it_is_built_the_last_picture_stays_then_a_card(world, start, go_on, error, said):
    pipeline = start(_raise(error), None, before_another=lambda: go_on.wait(20))
    sink = world.sinks["fake"]
    wait_until(lambda: said in _notice(pipeline))
    with pytest.raises(UsageError, match="no engine now"):
        pipeline.select_look("custom")
    wait_until(lambda: sink.frames and sink.frames[-1][1] in CARDS)
    assert sink.more(10)
    held = [grey for grey in sink.greys if grey not in CARDS]
    assert held, "the last picture stayed before the card"
    go_on.set()
    wait_until(lambda: sink.frames[-1][1] not in CARDS)
    assert not _raw_pictures(sink)
    wait_until(lambda: _notice(pipeline) == "")


def test_an_engine_that_fails_before_the_run_has_begun(world, start, monkeypatch):
    """In its first milliseconds, while the main thread has still to ask for a better one: that was
    then built instead of the one that replaces it, which never came."""
    improve, asked = Live.improve, threading.Event()

    def late(live):
        wait_until(lambda: live._repair.broken)
        improve(live)
        asked.set()

    monkeypatch.setattr(Live, "improve", late)
    pipeline = start(_raise(EngineFailed("no")), None, before_another=lambda: asked.wait(10))
    wait_until(lambda: len(world.engines) == 2 and not _notice(pipeline))
    assert world.sinks["fake"].more(10)


def test_engines_that_fail_again_are_tried_smaller_then_no_more(world, start):
    pipeline = start(_raise(EngineFailed("no")), size=(320, 176))
    wait_until(lambda: "No other one is tried" in _notice(pipeline))
    sizes = [(engine.spec.width, engine.spec.height) for engine in world.engines]
    assert sizes == [(320, 176), (320, 176), (256, 144)]


def test_below_the_smallest_size_there_is_none_to_try(world, start):
    pipeline = start(_raise(EngineFailed("no")))
    wait_until(lambda: "No other one is tried" in _notice(pipeline))
    sizes = [(engine.spec.width, engine.spec.height) for engine in world.engines]
    assert sizes == [(256, 144)] * 3  # the first, and two of its kind
    frames = world.sinks["fake"].frames  # none yet where the engine has failed at once
    wait_until(lambda: frames and frames[-1][1] in CARDS)
    assert not pipeline.wait(0.2), "the run goes on"
    assert not _raw_pictures(world.sinks["fake"])


def test_a_smaller_engine_may_hold_and_a_saved_preset_asks_for_the_size_again(world, start):
    world.source = Marked(1_000_000, pace=0.002)
    pipeline = start(_raise(MemoryError()), _raise(MemoryError()), None, size=(448, 256))
    wait_until(lambda: len(world.engines) == 3 and not _notice(pipeline))
    assert [engine.spec.width for engine in world.engines] == [448, 448, 384]
    assert world.sinks["fake"].more(20)
    assert [bool(engine.closes) for engine in world.engines] == [True, True, False]


def test_after_giving_up_a_saved_preset_tries_again(world, start):
    pipeline = start(*[_raise(EngineFailed("no"))] * 3, None)
    wait_until(lambda: "No other one is tried" in _notice(pipeline))
    output = {"size": "128x128", "fps": 100.0}
    pipeline.apply_preset(make_preset(prompt="bright", output=output))
    wait_until(lambda: not _notice(pipeline))
    assert world.sinks["fake"].more(20)
    assert world.sinks["fake"].frames[-1][1] not in CARDS


def test_an_engine_that_cannot_be_built_again(world, start):
    def gone():
        raise BackendUnavailable("there is no GPU any more.")

    pipeline = start(_raise(EngineFailed("gone")), before_another=gone)
    wait_until(lambda: "there is no GPU any more. No other one" in _notice(pipeline))
    assert not pipeline.wait(0.1)


def test_blank_pictures_are_not_shown_and_the_engine_is_built_again(world, start):
    def blank(picture):
        picture[:] = 0  # what NaN becomes

    pipeline = start(blank, None)
    wait_until(lambda: len(world.engines) == 2 and not _notice(pipeline))
    sink = world.sinks["fake"]
    assert sink.more(20)
    assert 0 not in sink.greys


def test_one_blank_picture_is_passed_over(world, start):
    blanks = []

    def blank(picture):
        if len(blanks) < 2:
            blanks.append(1)
            picture[:] = 0

    start(blank)
    sink = world.sinks["fake"]
    wait_until(lambda: len(blanks) == 2)
    assert sink.more(20)
    assert 0 not in sink.greys
    assert len(world.engines) == 1


def test_an_engine_that_hangs_is_left_to_its_thread(world, start, go_on, monkeypatch):
    monkeypatch.setattr("streamcam.pipeline.watchdog._SHORTEST_SECONDS", 0.3)
    monkeypatch.setattr("streamcam.pipeline.watchdog._TIMES_USUAL", 1)
    pipeline = start(lambda _picture: go_on.wait(20), None)
    sink = world.sinks["fake"]
    wait_until(lambda: len(world.engines) == 2 and not _notice(pipeline))
    assert sink.more(20)
    assert world.engines[1].runs
    assert not world.engines[0].closes, "nobody else may touch it"
    assert [t.name for t in threading.enumerate()].count("infer") == 2
    go_on.set()
    wait_until(lambda: world.engines[0].closes)
    assert sink.more(20)
    assert not _raw_pictures(sink)


def test_a_stop_does_not_wait_for_an_engine_that_hangs(world, start, go_on, monkeypatch):
    monkeypatch.setattr("streamcam.pipeline.watchdog._SHORTEST_SECONDS", 0.3)
    monkeypatch.setattr("streamcam.pipeline.watchdog._TIMES_USUAL", 1)
    pipeline = start(lambda _picture: go_on.wait(20), None)
    wait_until(lambda: len(world.engines) == 2 and not _notice(pipeline))
    pipeline.stop()
    assert world.sinks["fake"].closes
    assert world.engines[1].closes
    go_on.set()
    wait_until(lambda: "infer" not in [t.name for t in threading.enumerate()])


def test_a_slow_frame_brings_a_card_and_no_new_engine(world, start, go_on):
    start(lambda _picture: go_on.wait(20))
    sink = world.sinks["fake"]
    wait_until(lambda: sink.frames and sink.frames[-1][1] in CARDS)
    go_on.set()
    wait_until(lambda: sink.frames[-1][1] not in CARDS)
    assert len(world.engines) == 1


def test_the_raw_picture_appears_only_where_it_was_asked_for(world, start):
    pipeline = start(_raise(EngineFailed("no")), on_error="passthrough")
    sink = world.sinks["fake"]
    wait_until(lambda: "No other one" in _notice(pipeline))
    seen = len(_raw_pictures(sink))
    wait_until(lambda: len(_raw_pictures(sink)) > seen + 10)
    pipeline.apply_preset(make_preset(prompt="bright", output={"size": "128x128", "fps": 100.0}))
    wait_until(lambda: sink.frames[-1][1] in CARDS)


def test_a_lost_camera_brings_a_card_and_comes_back(world, start, go_on):
    class Unplugged(Marked):
        def read(self):
            if self.seq == 5:
                raise SourceLost("camera 0 was unplugged")
            return super().read()

    world.source = Unplugged(1_000_000, pace=0.002)
    opened = []

    def open_source(choice, wanted):
        opened.append(choice)
        if len(opened) > 1 and not go_on.is_set():
            raise UsageError("not there")
        return world.source if len(opened) == 1 else Marked(1_000_000, pace=0.002)

    world.open_source = open_source
    pipeline = start(None)
    sink = world.sinks["fake"]
    wait_until(lambda: sink.frames and sink.frames[-1][1] in CARDS)
    assert _notice(pipeline) == "camera 0 was unplugged; trying again"
    go_on.set()
    wait_until(lambda: sink.frames[-1][1] not in CARDS)
    assert _notice(pipeline) == ""


def test_a_file_is_not_rendered_with_pictures_missing(world):
    """There is nobody to be spared: the run ends with the error."""
    error = EngineFailed("no")
    world.source = FakeSource(100)
    world.make_engine = lambda spec: Scripted(spec, _raise(error))
    pipeline = world.pipeline(realtime=False)
    pipeline.start()
    with pytest.raises(EngineFailed) as caught:
        pipeline.wait(30)
    assert caught.value is error
