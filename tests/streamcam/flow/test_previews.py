"""Previews of other looks: made in between, within their share, unseen in the stream."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.api import EngineSpec
from engines.backends.null import NullEngine
from engines.build import build
from streamcam.flow.infer.previews import Previews
from streamcam.flow.infer.restyler import Restyler
from streamcam.flow.infer.styling import Styling
from streamcam.frames import Frame
from streamcam.frames.geometry import View
from streamcam.gate import open_gate
from streamcam.looks.aim import encoded
from streamcam.looks.look import Look
from streamcam.looks.params import ParamsBox
from streamcam.presets.tables import GateChoice
from streamcam.stats import Stats

SIZE = (128, 128)
SPEC = EngineSpec(width=SIZE[0], height=SIZE[1])
LOOKS = ("plain", "noir", "oil")
LONG = 10.0**9


class Noting(NullEngine):
    """Keeps what it was run with."""

    def __init__(self, spec):
        super().__init__(spec)
        self.ran = []

    def start(self, frame_HWC, params, out_HWC=None, changed=None):
        self.ran.append(params)
        super().start(frame_HWC, params, out_HWC, changed)


class Script:
    """A gate that lets frames pass as the test says."""

    similarity, changed = 0.0, None

    def __init__(self):
        self.open = True

    def passes(self, pixels):
        return self.open

    def wake(self): ...


def frame(seq, shade=None):
    pixels = np.full((SIZE[1], SIZE[0], 3), seq % 256 if shade is None else shade, np.uint8)
    return Frame(pixels, seq, 100.0 + seq / 25, seq / 25)


@pytest.fixture
def made():
    """A restyler with its engine and gate, whose previews of all looks are wanted."""
    engine, gate, previews = Noting(SPEC), Script(), Previews()
    box = ParamsBox(engine.encode, Look("plain", "plain"))
    looks = {name: encoded(Look(name, name), engine.encode) for name in LOOKS}
    previews.want(looks, box, LONG)
    previews._until = 2 * LONG
    restyler = Restyler(Styling(engine, box), gate, Stats(), View(SIZE), realtime=True)
    restyler.restyle(frame(0, 50))
    restyler.restyle(frame(1, 50))
    return restyler, engine, gate, previews, looks, box


def preview(restyler, previews):
    previews._due = 0.0
    restyler.preview(previews)


def test_each_look_gets_one_and_none_again_while_nothing_changes(made):
    restyler, engine, _, previews, looks, _ = made
    engine.ran.clear()
    for _ in range(10):
        preview(restyler, previews)
    assert engine.ran == list(looks.values())
    assert list(previews.made()) == list(LOOKS)
    assert all((one.pixels == 50).all() for one in previews.made().values())
    restyler.restyle(frame(2, 90))
    preview(restyler, previews)
    shades = [int(one.pixels[0, 0, 0]) for one in previews.made().values()]
    assert shades == [90, 50, 50], "the oldest comes first"


def test_what_is_shown_goes_on(made):
    restyler, engine, gate, previews, _, box = made
    preview(restyler, previews)
    gate.open = False
    repeat = restyler.restyle(frame(2, 50))
    assert repeat.repeat
    assert (repeat.pixels == 50).all()
    gate.open = True
    engine.ran.clear()
    restyler.restyle(frame(3, 60))
    assert engine.ran == [box.read(0.0)]


def test_not_while_looks_cross_over_and_not_for_another_engines_words(made):
    restyler, engine, _, previews, looks, box = made
    box.set(Look("noir", "noir", crossfade=5.0))
    restyler.restyle(frame(2))
    engine.ran.clear()
    preview(restyler, previews)
    assert engine.ran == []
    box.set(Look("plain", "plain", crossfade=0.0))
    restyler.restyle(frame(3))
    restyler.restyle(frame(4))
    other = ParamsBox(engine.encode, Look("plain", "plain"))
    previews.want(looks, other, LONG)
    previews._until = 2 * LONG
    engine.ran.clear()
    preview(restyler, previews)
    assert engine.ran == []


def test_not_among_frames_in_flight():
    engine, previews = Noting(replace(SPEC, steps=2)), Previews()
    box = ParamsBox(engine.encode, Look("plain", "plain"))
    previews.want({"noir": encoded(Look("noir", "noir"), engine.encode)}, box, LONG)
    previews._until = 2 * LONG
    restyler = Restyler(Styling(engine, box), Script(), Stats(), View(SIZE), realtime=True)
    for seq in range(4):
        restyler.restyle(frame(seq, 50))
        preview(restyler, previews)
    assert len(engine.ran) == 4


@given(st.floats(0.001, 5), st.booleans())
def test_all_together_take_no_more_than_their_share(took, idle):
    previews, box = Previews(), object()
    params = {name: object() for name in LOOKS}
    now, spent = 100.0, 0.0
    previews.want(params, box, now)
    for name, one in params.items():
        assert previews.next(box, 0, now) == (name, one)
        previews.put(name, np.zeros((9, 16, 3), np.uint8), one, 0)
    for scene in range(1, 50):
        previews.want(params, box, now)
        while previews.next(box, scene, now) is None:
            now += took / 10
            previews.want(params, box, now)
        now += took
        spent += took
        previews.rest(took, now, idle=idle)
    assert spent / (now - 100.0) <= (0.25 if idle else 0.02) * 1.05


def test_a_wish_ends_and_what_is_no_look_any_more_goes():
    previews, box, pixels = Previews(), object(), np.zeros((90, 160, 3), np.uint8)
    noir, oil = object(), object()
    previews.want({"noir": noir, "oil": oil}, box, 100.0)
    assert previews.next(box, 1, 105.0) == ("noir", noir)
    assert previews.next(box, 1, 107.0) is None
    previews.put("noir", pixels, noir, 1)
    previews.want({"oil": oil}, box, 107.0)
    assert previews.made() == {}
    previews.put("noir", pixels, noir, 1)
    assert previews.made() == {}, "it came too late"
    previews.put("oil", np.zeros((720, 1280, 3), np.uint8), oil, 1)
    assert previews.made()["oil"].pixels.shape == (144, 256, 3)


@pytest.mark.slow
def test_with_a_real_engine_the_stream_is_the_same_to_the_bit():
    rng = np.random.default_rng(1)
    frames = [
        Frame(rng.integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8), seq, seq / 25, seq / 25)
        for seq in range(6)
    ]
    shown = []
    engine = build(replace(SPEC, backend="openvino", threads=1))
    looks = {name: encoded(Look(name, name, guidance=2.0, seed=9), engine.encode) for name in LOOKS}
    for wanted in (False, True):
        previews = Previews()
        box = ParamsBox(engine.encode, Look("plain", "anime"))
        gate = open_gate("always", GateChoice(), 0)
        restyler = Restyler(Styling(engine, box), gate, Stats(), View(SIZE), realtime=True)
        for one in frames:
            shown.append(restyler.restyle(one).pixels.copy())
            if wanted:
                previews.want(looks, box, LONG)
                previews._until = 2 * LONG
                preview(restyler, previews)
        assert len(previews.made()) == (3 if wanted else 0)
    engine.close()
    assert all((one == other).all() for one, other in zip(shown[:6], shown[6:], strict=True))
