"""Restyler: which picture goes out under which stamp, live and for files."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.api import Area, EngineSpec
from engines.backends.null import NullEngine
from streamcam.flow.infer.restyler import Restyler
from streamcam.flow.infer.styling import Styling
from streamcam.frames import Frame
from streamcam.frames.geometry import Box, View
from streamcam.gate import open_gate
from streamcam.looks.look import Look
from streamcam.looks.params import ParamsBox
from streamcam.stats import Stats

SIZE = (128, 128)
SPEC = EngineSpec(width=SIZE[0], height=SIZE[1])
VIEW = View(SIZE)


@dataclass
class Script:
    """A gate that does what the test says; frames beyond the script pass."""

    verdicts: list
    wakes: int = 0
    similarity: float = 0.0
    changed: Box | None = None

    def passes(self, pixels):
        return self.verdicts.pop(0) if self.verdicts else True

    def wake(self):
        self.wakes += 1


def _frame(seq, size=SIZE):
    """A frame whose pixels say its number."""
    return Frame(np.full((size[1], size[0], 3), seq, np.uint8), seq, 100.0 + seq, seq / 25)


def _restyler(steps=1, verdicts=(), realtime=True, stats=None):
    engine = NullEngine(replace(SPEC, steps=steps))
    box = ParamsBox(engine.encode, Look("plain", "a photo"))
    gate = Script(list(verdicts))
    return (
        Restyler(Styling(engine, box), gate, stats or Stats(), VIEW, realtime=realtime),
        box,
        gate,
    )


def _shows(picture):
    assert (picture.pixels == picture.pixels[0, 0, 0]).all()
    return int(picture.pixels[0, 0, 0])


def test_a_picture_carries_the_stamp_of_its_input():
    restyler, *_ = _restyler()
    for seq in range(5):
        picture = restyler.restyle(_frame(seq))
        assert (picture.seq, picture.captured_at) == (seq, 100.0 + seq)
        assert picture.media_time == seq / 25
        assert _shows(picture) == seq
        assert not picture.repeat


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_live_delay_is_in_the_stamp_and_the_first_output_is_a_picture(steps):
    restyler, *_ = _restyler(steps)
    pictures = [restyler.restyle(_frame(seq)) for seq in range(10)]
    for index, picture in enumerate(pictures):
        assert picture.seq == max(0, index - steps + 1)
        assert _shows(picture) == picture.seq


@settings(deadline=None)
@given(steps=st.integers(1, 8), count=st.integers(0, 20))
def test_a_file_gives_every_input_once_and_in_order(steps, count):
    restyler, *_ = _restyler(steps, realtime=False)
    pictures = [restyler.restyle(_frame(seq)) for seq in range(count)]
    pictures = [picture for picture in pictures if picture is not None]
    pictures += list(restyler.drain())
    assert [picture.seq for picture in pictures] == list(range(count))
    assert [_shows(picture) for picture in pictures] == list(range(count))
    assert [picture.media_time for picture in pictures] == [seq / 25 for seq in range(count)]


class Queueing(NullEngine):
    """Notes what it is given and asked for; as on a GPU, a picture is there once it is finished."""

    def __init__(self, spec):
        super().__init__(spec)
        self.calls = []

    def start(self, frame_HWC, params, out_HWC=None, changed=None):
        assert len(self._pictures) < 2
        self.calls.append("start")
        super().start(frame_HWC, params, out_HWC, changed)

    def finish(self):
        self.calls.append("finish")
        return super().finish()


@pytest.mark.parametrize("realtime", [True, False])
def test_a_file_keeps_the_engine_busy_and_live_no_picture_waits(realtime):
    engine = Queueing(SPEC)
    box = ParamsBox(engine.encode, Look("plain", "a photo"))
    restyler = Restyler(Styling(engine, box), Script([]), Stats(), VIEW, realtime=realtime)
    pictures = [restyler.restyle(_frame(seq)) for seq in range(3)]
    if realtime:
        assert engine.calls == ["start", "finish"] * 3
        assert not restyler.busy
        assert [_shows(picture) for picture in pictures] == [0, 1, 2]
        return
    assert engine.calls == ["start", "start", "finish", "start", "finish"]
    assert pictures[0] is None
    assert [_shows(picture) for picture in pictures[1:]] == [0, 1]
    assert restyler.busy
    assert [(picture.seq, _shows(picture)) for picture in restyler.flush()] == [(2, 2)]
    assert not restyler.busy
    assert list(restyler.drain()) == []


def test_a_spared_frame_goes_out_as_the_last_picture_with_its_own_stamp():
    stats = Stats()
    restyler, *_ = _restyler(verdicts=[True, False, False, True], stats=stats)
    first, second, third, fourth = (restyler.restyle(_frame(seq)) for seq in range(4))
    assert second.pixels is third.pixels is first.pixels
    assert [p.repeat for p in (first, second, third, fourth)] == [False, True, True, False]
    assert [p.seq for p in (second, third)] == [1, 2]
    assert second.captured_at == 101.0
    assert _shows(fourth) == 3
    assert (stats.total("engine"), stats.total("skipped")) == (2, 2)


@settings(deadline=None)
@given(steps=st.integers(1, 5), verdicts=st.lists(st.booleans(), max_size=60))
def test_live_stamps_never_run_backwards_or_ahead_of_what_came_in(steps, verdicts):
    restyler, *_ = _restyler(steps, verdicts)
    last = -1
    for seq in range(len(verdicts)):
        picture = restyler.restyle(_frame(seq % 250))
        assert last <= picture.seq <= seq
        last = picture.seq


def test_pictures_in_flight_over_a_rest_take_the_stamp_of_the_spared_frame():
    """Their inputs equal the spared frames: that is why those were spared."""
    restyler, *_ = _restyler(steps=2, verdicts=[True, True, False, False, True, True])
    pictures = [restyler.restyle(_frame(seq)) for seq in range(6)]
    assert [picture.seq for picture in pictures] == [0, 0, 2, 3, 3, 4]
    assert [picture.repeat for picture in pictures] == [False, False, True, True, False, False]


def test_the_first_frame_is_restyled_whatever_the_gate_says():
    restyler, *_ = _restyler(verdicts=[False, False])
    assert not restyler.restyle(_frame(0)).repeat
    assert restyler.restyle(_frame(1)).repeat


def test_the_gate_is_awake_while_the_look_changes():
    restyler, box, gate = _restyler()
    restyler.restyle(_frame(0))
    restyler.restyle(_frame(1))
    assert gate.wakes == 1, "the first parameters"
    box.set(Look("noir", "film noir", crossfade=3600.0))
    restyler.restyle(_frame(2))
    restyler.restyle(_frame(3))
    assert gate.wakes == 3
    box.set(Look("noir", "film noir", crossfade=0.0))
    for seq in range(4, 8):
        restyler.restyle(_frame(seq))
    assert gate.wakes == 4


def test_after_a_change_of_look_the_new_picture_comes_out_of_a_still_scene():
    engine = NullEngine(replace(SPEC, steps=4))
    box = ParamsBox(engine.encode, Look("plain", "a photo"))

    @dataclass
    class Calm:
        threshold: float = 0.98
        max_skip: int = 1000
        calm_frames: int = 1

    gate = open_gate("similarity", Calm(), engine.delay)
    restyler = Restyler(Styling(engine, box), gate, Stats(), VIEW, realtime=True)
    for _ in range(10):
        restyler.restyle(_frame(0))
    assert restyler.restyle(_frame(0)).repeat
    box.set(Look("noir", "film noir", crossfade=0.0))
    repeats = [restyler.restyle(_frame(0)).repeat for _ in range(6)]
    assert repeats == [False] * 4 + [True] * 2, "the new look and its three drain frames"


def test_frames_of_any_size_reach_the_engine_at_its_size():
    sizes = []

    class Sized(NullEngine):
        def run(self, frame_HWC, params, out_HWC=None):
            sizes.append(frame_HWC.shape)
            assert frame_HWC.flags.c_contiguous
            return super().run(frame_HWC, params, out_HWC)

    engine = Sized(SPEC)
    box = ParamsBox(engine.encode, Look("plain", "a photo"))
    restyler = Restyler(Styling(engine, box), Script([]), Stats(), VIEW, realtime=True)
    for number, size in enumerate([(1280, 720), (720, 1280), (64, 36), SIZE, (1280, 720)]):
        picture = restyler.restyle(_frame(number, size))
        assert _shows(picture) == number
    assert set(sizes) == {(128, 128, 3)}


def test_a_frame_of_the_engine_size_is_not_copied():
    seen = []

    class Looking(NullEngine):
        def run(self, frame_HWC, params, out_HWC=None):
            seen.append(frame_HWC)
            return super().run(frame_HWC, params, out_HWC)

    engine = Looking(SPEC)
    box = ParamsBox(engine.encode, Look("plain", "a photo"))
    frame = _frame(0)
    Restyler(Styling(engine, box), Script([]), Stats(), VIEW, realtime=True).restyle(frame)
    assert seen[0] is frame.pixels


def test_a_picture_somebody_still_shows_is_never_written_again():
    restyler, *_ = _restyler()
    shown = [restyler.restyle(_frame(seq)) for seq in range(20)]
    assert [_shows(picture) for picture in shown] == list(range(20))


def test_files_fade_by_their_own_time():
    seen = []

    class Watching(NullEngine):
        def run(self, frame_HWC, params, out_HWC=None):
            seen.append(params.strength)
            return super().run(frame_HWC, params, out_HWC)

    engine = Watching(SPEC)
    box = ParamsBox(engine.encode, Look("plain", "a photo", strength=0.2))
    restyler = Restyler(Styling(engine, box), Script([]), Stats(), VIEW, realtime=False)
    restyler.restyle(_frame(0))
    box.set(Look("strong", "a photo", strength=0.6, crossfade=0.4))  # ten frames of 40 ms
    for seq in range(1, 13):
        restyler.restyle(_frame(seq))
    expected = [0.2, *np.linspace(0.2, 0.6, 11), 0.6]
    assert seen == pytest.approx(expected)


class Partial(NullEngine):
    """Notes what it is told has changed; says of such frames that it computed a part."""

    def __init__(self, spec):
        super().__init__(spec)
        self.told = []

    def start(self, frame_HWC, params, out_HWC=None, changed=None):
        self.told.append(changed)
        self.patched = changed is not None
        super().start(frame_HWC, params, out_HWC, changed)


def test_the_engine_is_told_what_changed_in_its_own_pixels():
    stats, engine = Stats(), Partial(SPEC)
    box = ParamsBox(engine.encode, Look("plain", "a photo"))
    gate = Script([])
    restyler = Restyler(Styling(engine, box), gate, stats, VIEW, realtime=True)
    restyler.restyle(_frame(0, (256, 256)))
    gate.changed = Box(64, 128, 40, 20)
    restyler.restyle(_frame(1, (256, 256)))
    gate.changed = None
    restyler.restyle(_frame(2, (256, 256)))
    assert engine.told == [None, Area(31, 63, 22, 12), None]
    assert (stats.total("engine"), stats.total("patched")) == (3, 1)
    reading = stats.snapshot()
    assert reading.patched == pytest.approx(1 / 3)
    assert reading.patch_ms_p50 > 0


def test_the_time_of_a_part_does_not_pass_for_that_of_a_frame():
    """What holds the rate is judged by frames that are computed whole."""
    stats, engine = Stats(), Partial(SPEC)
    box = ParamsBox(engine.encode, Look("plain", "a photo"))
    gate = Script([], changed=Box(0, 0, 8, 8))
    restyler = Restyler(Styling(engine, box), gate, stats, VIEW, realtime=True)
    restyler.restyle(_frame(0))
    assert stats.snapshot().engine_ms_p50 == 0.0
