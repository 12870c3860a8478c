"""Pictures of any shape through engines of any size into outputs of any size: nothing is cut or
squeezed but what `fit` says, once, also while all of them change."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from corner_charts import chart, check, expected
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.api import EngineSpec
from engines.backends.null import NullEngine
from streamcam.flow.infer.restyler import Restyler
from streamcam.flow.infer.styling import Styling
from streamcam.flow.post.chain import Chain
from streamcam.frames import Frame
from streamcam.frames.geometry import View
from streamcam.gate import open_gate
from streamcam.looks.look import Look
from streamcam.looks.params import ParamsBox
from streamcam.presets.tables import GateChoice
from streamcam.stats import Stats

SOURCES = [(288, 512), (512, 288), (400, 300), (321, 241), (450, 125), (90, 160), (1280, 720)]
ENGINES = [(448, 256), (256, 448), (128, 512)]
OUTPUTS = [(640, 360), (360, 640), (512, 384)]


def _restyler(engine_size, view, *, steps=1, policy="always", realtime=True):
    width, height = engine_size
    engine = NullEngine(EngineSpec(width=width, height=height, steps=steps))
    gate = open_gate(policy, GateChoice(), engine.delay)
    box = ParamsBox(engine.encode, Look("plain", "a photo"))
    return Restyler(Styling(engine, box), gate, Stats(), view, realtime=realtime)


def _frame(size, seq=0):
    return Frame(chart(*size), seq, float(seq), seq / 25)


def _blur(source, engine, output, fit):
    """Output pixels over which colours run into each other: three of the coarsest picture's, and
    what shapes may differ by that count as one (1 % of half a picture)."""
    choose = max if fit == "crop" else min
    scale = choose(output[0] / source[0], output[1] / source[1])
    seen = [min(out, scale * side) for out, side in zip(output, source, strict=True)]
    placed = min(engine[0] / seen[0], engine[1] / seen[1])
    return 3 * max(1.0, scale, 1.06 / placed) + 0.005 * max(output)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("fit", ["crop", "letterbox"])
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("source", SOURCES)
def test_every_corner_is_where_it_must_be(source, engine, output, fit, mirror):
    view = View(output, fit)
    picture = _restyler(engine, view).restyle(_frame(source))
    assert picture.size == engine
    shown = Chain(view, mirror=mirror).apply(picture)
    ideal = expected(source, output, fit, mirror=mirror)
    check(shown, ideal, _blur(source, engine, output, fit))


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("fit", ["crop", "letterbox"])
@pytest.mark.parametrize("source", SOURCES)
def test_frames_that_no_engine_has_seen_are_shown_alike(source, fit, mirror):
    """As with on_error = "passthrough"."""
    view = View((640, 360), fit)
    shown = Chain(view, mirror=mirror).apply(_frame(source))
    ideal = expected(source, (640, 360), fit, mirror=mirror)
    check(shown, ideal, _blur(source, source, (640, 360), fit))


@pytest.mark.parametrize("engine", [(448, 256), (256, 448)])
def test_an_engine_sees_no_bars(engine):
    seen = []

    class Looking(NullEngine):
        def run(self, frame_HWC, params, out_HWC=None):
            seen.append(frame_HWC.copy())
            return super().run(frame_HWC, params, out_HWC)

    restyler = _restyler(engine, View((640, 360), "letterbox"))
    restyler.engine = Looking(restyler.engine.spec)
    restyler.restyle(_frame((300, 300)))
    (given_,) = seen
    corners = given_[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.tolist() == chart(3, 3)[[0, 0, -1, -1], [0, -1, 0, -1]].tolist()
    assert (given_.max(axis=2) > 0).all(), "edges are repeated to the end"


def test_a_whole_frame_of_the_engines_size_is_not_copied_when_it_is_cut():
    view = View((128, 128), "crop")
    restyler = _restyler((256, 144), view)
    frame = _frame((256, 144))
    assert restyler._fit(frame.pixels)[0] is frame.pixels
    shown = Chain(view).apply(restyler.restyle(frame))
    check(shown, expected((256, 144), (128, 128), "crop"), 4)


# --- while everything changes -------------------------------------------------------------------

QUADRANTS = np.array([[(250, 20, 20), (20, 250, 20)], [(20, 20, 250), (250, 250, 20)]], np.uint8)


def _quarters(size, seq):
    """A picture of four quarters."""
    across, down = (np.arange(length) * 2 // length for length in size)
    return Frame(QUADRANTS[down[:, None], across[None, :]].copy(), seq, float(seq), seq / 25)


def _check_quarters(shown, source, view, *, mirror):
    """The picture's edges and its quarters are where they must be, within a pixel or two."""
    width, height = view.size
    if view.fit == "crop":
        left, top, right, bottom = 0.0, 0.0, width, height
    else:
        scale = min(width / source[0], height / source[1])
        wide, tall = source[0] * scale, source[1] * scale
        left, top = (width - wide) / 2, (height - tall) / 2
        right, bottom = left + wide, top + tall
    bright = shown.max(axis=2) > 60
    for found, (first, last), length in (
        (np.nonzero(bright.any(0))[0], (left, right), width),
        (np.nonzero(bright.any(1))[0], (top, bottom), height),
    ):
        near = 1.5 + 0.006 * length
        assert abs(found[0] - first) <= near
        assert abs(found[-1] + 1 - last) <= near
    if min(right - left, bottom - top) < 12:
        return
    rows = [round(top + (bottom - top) * share) for share in (0.2, 0.8)]
    columns = [round(left + (right - left) * share) for share in (0.2, 0.8)]
    found = shown[np.ix_(rows, columns)].reshape(4, 1, 3).astype(int)
    nearest = np.abs(found - QUADRANTS.reshape(1, 4, 3)).sum(axis=2).argmin(axis=1)
    assert nearest.tolist() == ([1, 0, 3, 2] if mirror else [0, 1, 2, 3])


Sizes = st.tuples(st.integers(4, 200), st.integers(4, 200))
EngineSizes = st.tuples(*[st.integers(8, 20).map(lambda steps: 16 * steps)] * 2)
Changes = st.one_of(
    st.tuples(st.just("size"), Sizes),
    st.tuples(st.just("fit"), st.sampled_from(["crop", "letterbox"])),
    st.tuples(st.just("engine"), EngineSizes),
    st.tuples(st.just("stay"), st.integers(1, 6)),
)


@settings(deadline=None, max_examples=60)
@given(
    steps=st.integers(1, 4),
    policy=st.sampled_from(["always", "similarity", "hysteresis"]),
    mirror=st.booleans(),
    first=st.tuples(Sizes, EngineSizes),
    changes=st.lists(Changes, max_size=20),
)
def test_the_picture_is_right_after_any_change(steps, policy, mirror, first, changes):
    """Each picture has the geometry of the frame that it shows, `delay` frames back, and repeats
    have theirs."""
    (size, engine_size), output = first, (96, 72)
    view = View(output)
    restyler, chain = (
        _restyler(engine_size, view, steps=steps, policy=policy),
        Chain(view, mirror=mirror),
    )
    shown_of = {}  # seq: what its picture must look like
    shown, seq = [], 0
    for kind, value in [("stay", 1), *changes, ("stay", 6)]:
        if kind == "size":
            size = value
        elif kind == "fit":
            view = View(output, value)
            restyler.use_view(view)
            chain = Chain(view, mirror=mirror)
        elif kind == "engine":
            restyler = _restyler(value, view, steps=steps, policy=policy)
        for _ in range(value if kind == "stay" else 1):
            shown_of[seq] = size, view
            picture = restyler.restyle(_quarters(size, seq))
            pixels = chain.apply(picture)
            assert pixels.shape == (72, 96, 3)
            _check_quarters(pixels, *shown_of[picture.seq], mirror=mirror)
            shown.append(picture.seq)
            seq += 1
    assert all(later >= before for before, later in pairwise(shown))


@settings(deadline=None, max_examples=30)
@given(steps=st.integers(1, 4), sizes=st.lists(Sizes, max_size=12), engine=EngineSizes)
def test_a_file_whose_pictures_change_loses_none(steps, sizes, engine):
    view = View((96, 72), "letterbox")
    restyler, chain = _restyler(engine, view, steps=steps, realtime=False), Chain(view)
    pictures = [restyler.restyle(_quarters(size, seq)) for seq, size in enumerate(sizes)]
    pictures = [picture for picture in pictures if picture is not None] + list(restyler.drain())
    assert [picture.seq for picture in pictures] == list(range(len(sizes)))
    for picture in pictures:
        _check_quarters(chain.apply(picture), sizes[picture.seq], view, mirror=False)


def test_a_picture_of_another_shape_passes_a_gate_to_which_it_looks_the_same():
    view = View((96, 72), "letterbox")
    gate = GateChoice(policy="similarity", max_skip=1000)
    restyler = _restyler((128, 128), view)
    restyler.gate = open_gate("similarity", gate, 0)
    for seq in range(20):
        restyler.restyle(_quarters((96, 72), seq))
    assert restyler.restyle(_quarters((96, 72), 20)).repeat
    turned = restyler.restyle(_quarters((72, 96), 21))
    assert not turned.repeat
    _check_quarters(Chain(view).apply(turned), (72, 96), view, mirror=False)


def test_a_repeat_shows_what_is_in_the_picture_not_what_came_in():
    """While nobody watches, the engine rests whatever comes in."""
    view = View((96, 72), "letterbox")

    class Shut:
        changed = None

        def passes(self, pixels):
            return False

        def wake(self):
            pass

    restyler, chain = _restyler((128, 128), view, steps=2), Chain(view)
    for seq, size in enumerate([(96, 72), (96, 72), (72, 96)]):
        restyler.restyle(_quarters(size, seq))
    restyler.gate = Shut()
    repeat = restyler.restyle(_quarters((80, 80), 3))
    assert repeat.repeat
    _check_quarters(chain.apply(repeat), (96, 72), view, mirror=False)
    restyler.gate = open_gate("always", GateChoice(), 1)
    for seq, size in ((4, (72, 96)), (5, (80, 80))):
        _check_quarters(
            chain.apply(restyler.restyle(_quarters((80, 80), seq))), size, view, mirror=False
        )


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (3000, 7), (7, 3000)])
@pytest.mark.parametrize("fit", ["crop", "letterbox"])
@pytest.mark.parametrize("policy", ["similarity", "hysteresis"])
def test_pictures_of_any_shape_pass(size, fit, policy):
    view = View((96, 72), fit)
    restyler, chain = _restyler((128, 256), view, policy=policy), Chain(view, mirror=True)
    for seq in range(2):
        frame = replace(_frame(size, seq), pixels=np.full((size[1], size[0], 3), 200, np.uint8))
        shown = chain.apply(restyler.restyle(frame))
        assert shown.shape == (72, 96, 3)
        assert set(np.unique(shown)) <= {0, 200}
        assert (shown == 200).any()


def test_a_change_of_shape_costs_buffers_once():
    """Nothing is planned anew, and so allocated, for a frame of the shape of the one before."""
    view = View((96, 72), "letterbox")
    restyler, chain = _restyler((128, 128), view), Chain(view)
    plans = []
    for seq in range(40):
        size = (96, 72) if seq // 10 % 2 else (72, 96)
        picture = restyler.restyle(_quarters(size, seq))
        shown = chain.apply(picture)
        assert chain.apply(replace(picture, seq=seq + 1, repeat=True)) is shown
        if not plans or chain._steps is not plans[-1]:
            plans.append(chain._steps)
    assert len(plans) == 4
    assert len(restyler._pool) <= 3
