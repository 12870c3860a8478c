"""The resolver: of a frame and a pair, a picture for the outputs."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moving_scene import grainy, ground, inverted, pan, posterised

from streamcam.flow.infer.engine_input import EngineInput
from streamcam.frames import Frame, MadeOf
from streamcam.frames.geometry import View
from streamcam.resolve import Level
from streamcam.resolve.measures import fidelity_db, sharpness, static_flicker
from streamcam.resolve.resolver import Outcome, Resolver

SIZE, ENGINE = (640, 352), (320, 176)
LOOK = object()


def _placement(source=SIZE, engine=ENGINE, view=None):
    return (view or View(source)).place(source, engine)


def _pair(frame, look, number, engine=ENGINE, view=None):
    """What the engine makes of a frame."""
    size = (frame.shape[1], frame.shape[0])
    given, placement = EngineInput(engine, view or View(size))(frame)
    given = given.copy()
    return Frame(look(given), number, number / 30, placement=placement, made_of=MadeOf(given, LOOK))


def _live(frames, look, level, late=2, every=2, **settings):
    """What is shown of frames while the engine's pictures come late and not for every one."""
    resolver = Resolver(_placement(), View(SIZE), level, **settings)
    shown, pairs = [], [_pair(frame, look, number) for number, frame in enumerate(frames)]
    for now in range(late, len(frames)):
        pair = pairs[(now - late) // every * every]
        into = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
        resolver.take(pair)
        outcome = Outcome.UNKNOWN
        if level is not Level.HELD:
            outcome = resolver.resolve(frames[now], (now - pair.seq) / 30, into)
        if outcome is Outcome.SAME:
            into = shown[-1]
        elif outcome is Outcome.UNKNOWN:
            into = cv2.resize(pair.pixels, SIZE, interpolation=cv2.INTER_CUBIC)
        shown.append(into)
    return shown


@pytest.mark.parametrize("look", [inverted, posterised])
def test_each_level_is_nearer_to_an_engine_without_delay(look):
    frames = pan(16, SIZE, picture=ground(grain=2.5))
    ideal = [look(frame) for frame in frames[2:]]
    held, warped, guided = (fidelity_db(_live(frames, look, level), ideal) for level in Level)
    assert warped > held + 3.0
    assert guided > warped + 0.3


def test_guided_is_sharper():
    frames = pan(12, SIZE, picture=ground(grain=1.2))
    ideal = [inverted(frame) for frame in frames[2:]]
    warped, guided = (
        sharpness(_live(frames, inverted, level), ideal) for level in (Level.WARPED, Level.GUIDED)
    )
    assert guided > 1.4 * warped
    assert guided > 0.65


@pytest.mark.parametrize("level", [Level.WARPED, Level.GUIDED])
def test_a_still_scene_flickers_less_than_its_camera(level):
    scene = ground(*SIZE, grain=6.0)
    frames = [grainy(scene, 4.0, seed) for seed in range(40)]
    shown = _live(frames, inverted, level, steadiness=0.7)
    assert static_flicker(shown[10:]) < 0.6 * static_flicker(frames[12:])


def test_a_cut_is_not_resolved():
    resolver = Resolver(_placement(), View(SIZE), Level.GUIDED)
    before, after = ground(*SIZE, seed=1), ground(*SIZE, seed=2)
    resolver.take(_pair(before, inverted, 0))
    into = np.full((SIZE[1], SIZE[0], 3), 7, np.uint8)
    assert resolver.resolve(after, 2 / 30, into) is Outcome.UNKNOWN
    assert (into == 7).all()
    resolver.take(_pair(after, inverted, 1))
    assert resolver.resolve(after, 2 / 30, into) is Outcome.MADE
    assert np.abs(into.astype(int) - inverted(after)).mean() < 6


def _hatched_where_dark(picture):
    """A look with something that luma does not explain: lines in the dark, two pixels wide."""
    lines = np.broadcast_to(np.arange(picture.shape[1])[None, :, None] // 2 % 2, picture.shape)
    return np.where(picture.max(2, keepdims=True) < 40, 120 + 100 * lines, 200).astype(np.uint8)


def test_what_is_gone_leaves_no_ghost():
    """A dark square that was in the pair and is not in the frame: its lines must not stay."""
    bare = np.maximum(ground(*SIZE, grain=6.0), 90)
    square = bare.copy()
    square[120:200, 250:340] = 10
    resolver = Resolver(_placement(), View(SIZE), Level.GUIDED, steadiness=0.0)
    pair = _pair(square, _hatched_where_dark, 0)
    resolver.take(pair)
    into = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    assert resolver.resolve(bare, 1 / 30, into) is Outcome.MADE
    inside = (slice(140, 180), slice(270, 320))
    held = cv2.resize(pair.pixels, SIZE, interpolation=cv2.INTER_CUBIC)[inside]
    assert held.std(axis=1).mean() > 30, "there are lines in the engine's picture"
    assert into[inside].std(axis=1).mean() < 0.3 * held.std(axis=1).mean()


def test_a_frame_in_which_nothing_moves_is_the_same():
    scene = ground(*SIZE)
    resolver = Resolver(_placement(), View(SIZE), Level.GUIDED)
    pair = _pair(scene, inverted, 0)
    resolver.take(pair)
    into = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    assert resolver.resolve(scene, 0.0, into) is Outcome.MADE
    assert resolver.resolve(grainy(scene, 4.0, 1), 0.03, into) is Outcome.SAME
    moved = scene.copy()
    moved[100:120, 100:130] = 255
    assert resolver.resolve(moved, 0.06, into) is Outcome.MADE
    resolver.take(_pair(scene, posterised, 1))
    assert resolver.resolve(scene, 0.06, into) is Outcome.MADE


def test_without_a_pair_there_is_no_picture():
    resolver = Resolver(_placement(), View(SIZE), Level.GUIDED)
    into = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    assert resolver.resolve(ground(*SIZE), 0.0, into) is Outcome.UNKNOWN


@pytest.mark.parametrize("level", [Level.WARPED, Level.GUIDED])
def test_mirrored_is_the_mirror_image(level):
    frames = pan(3, SIZE)
    plain, mirrored = (
        _live(frames, inverted, level, steadiness=0.0, mirror=mirror)[0] for mirror in (False, True)
    )
    assert np.abs(plain[:, ::-1].astype(int) - mirrored).mean() < 0.6


@pytest.mark.parametrize("level", [Level.WARPED, Level.GUIDED])
def test_never_the_raw_camera(level):
    """A marker that the camera shows and the engine does not know of yet adds nothing to a look
    that follows no luma, and no colour to one without."""
    frames = pan(4, SIZE)
    marked = frames[3].copy()
    marked[100:160, 200:300] = (255, 0, 255)
    for look in (lambda p: np.full_like(p, 60), lambda p: 255 - _grey(p)):
        resolver = Resolver(_placement(), View(SIZE), level)
        resolver.take(_pair(frames[2], look, 2))
        into = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
        assert resolver.resolve(marked, 1 / 30, into) is Outcome.MADE
        colourful = into.max(2).astype(int) - into.min(2)
        assert colourful.max() <= 3


def _grey(picture):
    return cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def test_for_a_file_the_pair_is_of_the_frame_itself():
    frames = pan(4, SIZE, picture=ground(grain=1.5))
    resolver = Resolver(_placement(), View(SIZE), Level.GUIDED, reproject=False, steadiness=0.0)
    for number, frame in enumerate(frames):
        into = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
        pair = _pair(frame, inverted, number)
        resolver.take(pair)
        assert resolver.resolve(frame, 0.0, into) is Outcome.MADE
        plain = cv2.resize(pair.pixels, SIZE, interpolation=cv2.INTER_CUBIC)
        ideal = [inverted(frame)]
        assert fidelity_db([into], ideal) > fidelity_db([plain], ideal)


@settings(deadline=None, max_examples=40)
@given(
    source=st.tuples(st.integers(16, 400), st.integers(16, 400)),
    engine=st.tuples(st.integers(8, 20), st.integers(8, 20)),
    output=st.tuples(st.integers(32, 300), st.integers(32, 300)),
    fit=st.sampled_from(["crop", "letterbox"]),
    level=st.sampled_from([Level.WARPED, Level.GUIDED]),
    mirror=st.booleans(),
    reproject=st.booleans(),
)
def test_any_source_engine_and_output(source, engine, output, fit, level, mirror, reproject):
    engine = (16 * engine[0], 16 * engine[1])
    view = View(output, fit)
    placement = view.place(source, engine)
    resolver = Resolver(placement, view, level, mirror=mirror, reproject=reproject)
    frame = ground(*source)
    for number in range(2):
        resolver.take(_pair(frame, inverted, number, engine, view))
        canvas = np.full((output[1], output[0], 3), 9, np.uint8)
        made = resolver.resolve(frame, 0.03, canvas)
        assert reproject or made is not Outcome.UNKNOWN
        shown = placement.shown
        shown.of(canvas)[:] = 9
        assert (canvas == 9).all(), "the bars were written to"
