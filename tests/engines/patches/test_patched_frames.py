"""The embedded model on parts of frames: as near the whole frame as it is said to be, and whole
whenever a part will not do."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from engines.api import Area, EngineSpec, Params, Watch
from engines.build import build
from engines.errors import BackendUnavailable
from tests.engines.pictures import photo

WIDTH, HEIGHT = 320, 176
SPEC = EngineSpec(width=WIDTH, height=HEIGHT, guidance_mode="self", precision="float32")
CHANGED = Area(150, 60, 60, 50)
EVERYTHING = Area(0, 0, WIDTH, HEIGHT)
LOOKS = {
    "anime": "anime style, cel shading, clean lineart",
    "chalk": "chalk drawing, colored chalk, blackboard, high contrast",
    "neon": "cyberpunk, neon lights, glowing edges, neon glow",
}


@pytest.fixture(scope="module")
def made():
    """By backend: an engine with patches, and one that computes every frame whole."""
    kept = {}
    for name in ("openvino", "torch"):
        kept[name] = build(replace(SPEC, backend=name)), build(replace(SPEC, backend=name))
        ready(kept[name][0])
    yield kept
    for pair in kept.values():
        for engine in pair:
            engine.close()


@pytest.fixture(params=["openvino", "torch"])
def backend(request):
    return request.param


@pytest.fixture
def engines(made, backend):
    for engine in made[backend]:
        engine.restart()
    return made[backend]


@pytest.fixture
def engine(engines):
    return engines[0]


@pytest.fixture
def bare(backend):
    """Without patches."""
    engine = build(replace(SPEC, backend=backend))
    yield engine
    engine.close()


def ready(engine):
    frame = photo(WIDTH, HEIGHT)
    look = params(engine)
    engine.run(frame, look)
    for changed in (CHANGED, Area(40, 20, 60, 90), Area(200, 0, 120, HEIGHT)):
        shown(engine, frame, look, changed)
        assert not engine.patched, "nothing is compiled yet"
    engine.prepare_patches()
    engine.run(frame, look)
    assert len(engine._runner.patches) == 3


def params(engine, prompt=LOOKS["anime"], **values):
    return Params(prompt=engine.encode(prompt), negative=engine.encode(""), **values)


def shown(engine, frame, look, changed):
    out = np.empty_like(frame)
    engine.start(frame, look, out, changed)
    return engine.finish()


def moved():
    """The photo, and again with another picture in CHANGED."""
    before = photo(WIDTH, HEIGHT)
    after = before.copy()
    CHANGED.of(after)[:] = np.roll(CHANGED.of(before), 9, axis=1)[::-1]
    return before, after


def psnr(one, other):
    error = float(((one.astype(np.float32) - other) ** 2).mean())
    return 10 * np.log10(255.0**2 / error) if error else np.inf


@pytest.mark.parametrize("prompt", LOOKS.values(), ids=LOOKS)
def test_what_changed_is_as_in_the_whole_frame_and_the_rest_as_it_was(engines, prompt):
    before, after = moved()
    patched, whole = engines
    look = params(patched, prompt, strength=0.9)
    first = patched.run(before, look)
    second = shown(patched, after, look, CHANGED)
    assert patched.patched
    expected = whole.run(after, params(whole, prompt, strength=0.9))
    assert psnr(CHANGED.of(second), CHANGED.of(expected)) >= 38.0
    assert psnr(CHANGED.of(second), CHANGED.of(first)) < 30.0, "it did change"
    rest = np.ones((HEIGHT, WIDTH), bool)
    rest[32:176, 96:256] = False  # around every place that a patch could have here
    assert np.array_equal(second[rest], first[rest])


def test_everything_changed_is_the_whole_frame(engines):
    before, after = moved()
    patched, whole = engines
    look = params(patched)
    patched.run(before, look)
    assert np.array_equal(shown(patched, after, look, EVERYTHING), whole.run(after, params(whole)))
    assert not patched.patched


def test_openvino_and_torch_agree_on_a_patch(made):
    before, after = moved()
    pictures = []
    for engine, _ in made.values():
        look = params(engine, LOOKS["neon"])
        engine.run(before, look)
        pictures.append(shown(engine, after, look, CHANGED).astype(int))
        assert engine.patched
    assert np.abs(pictures[0] - pictures[1]).max() <= 2


def test_the_first_frame_another_look_and_a_restart_are_whole(engine):
    before, after = moved()
    look = params(engine)

    def patched(frame, look):
        shown(engine, frame, look, CHANGED)
        return engine.patched

    assert not patched(before, look)
    assert patched(after, look)
    assert not patched(after, params(engine, LOOKS["neon"]))
    assert not patched(after, look)
    assert patched(before, look)
    engine.restart()
    assert not patched(before, look)


def test_a_whole_frame_refreshes_it_now_and_then(engine):
    before, after = moved()
    look = params(engine)
    engine.run(before, look)
    kinds = []
    for number in range(62):
        shown(engine, (before, after)[number % 2], look, CHANGED)
        kinds.append(engine.patched)
    assert kinds == [number % 31 != 30 for number in range(62)]


def test_patches_wander_over_the_frame(engines):
    """Each lies on what the one before left."""
    patched, whole = engines
    frame = photo(WIDTH, HEIGHT).copy()
    look = params(patched)
    patched.run(frame, look)
    areas = [Area(20, 20, 30, 30), Area(200, 100, 60, 60), Area(280, 0, 40, 40)]
    for area in areas:
        area.of(frame)[:] = 255 - area.of(frame)
        picture = shown(patched, frame, look, area)
        assert patched.patched
    expected = whole.run(frame, params(whole))
    for area in areas:
        assert psnr(area.of(picture), area.of(expected)) > 33.0


def test_the_picture_may_go_where_the_last_one_is(engines):
    before, after = moved()
    patched, _ = engines
    look = params(patched)
    patched.run(before, look)
    expected = shown(patched, after, look, CHANGED)
    out = np.empty_like(before)
    patched.run(before, look, out)
    patched.start(after, look, out, CHANGED)
    assert patched.finish() is out
    assert np.array_equal(out, expected)


def test_several_steps_are_always_whole(backend):
    engine = build(replace(SPEC, steps=2, backend=backend))
    frame = photo(WIDTH, HEIGHT)
    look = params(engine)
    for _ in range(3):
        shown(engine, frame, look, CHANGED)
        assert not engine.patched
        engine.prepare_patches()
    assert engine._runner.patches == ()
    engine.close()


def test_a_whole_frame_is_the_same_with_and_without_patches(engines):
    """Their making shapes no picture."""
    patched, whole = engines
    frame = photo(WIDTH, HEIGHT)
    assert np.array_equal(patched.run(frame, params(patched)), whole.run(frame, params(whole)))


def test_nothing_is_made_ready_for_an_engine_that_has_no_use_for_it(bare):
    frame = photo(WIDTH, HEIGHT)
    for changed in (None, EVERYTHING):
        shown(bare, frame, params(bare), changed)
        bare.prepare_patches()
        assert bare._runner.patches == ()


def test_who_is_not_waited_for_any_more_makes_nothing_ready(bare):
    frame, look = photo(WIDTH, HEIGHT), params(bare)
    bare.run(frame, look)
    shown(bare, frame, look, CHANGED)
    bare.prepare_patches(Watch(wanted=lambda: False))
    assert bare._runner.patches == ()


def test_a_patch_that_cannot_be_made_leaves_frames_whole(bare, monkeypatch, caplog):
    frame, look = photo(WIDTH, HEIGHT), params(bare)
    tried = []

    def refused(size):
        tried.append(size)
        raise BackendUnavailable("no memory for a part")

    monkeypatch.setattr(bare._runner, "add_patch", refused)
    bare.run(frame, look)
    for _ in range(3):
        shown(bare, frame, look, CHANGED)
        bare.prepare_patches()
        assert not bare.patched
    assert len(tried) == 1
    assert "no memory for a part" in caplog.text


def test_an_engine_may_be_closed_while_its_patches_are_made(bare):
    frame, look = photo(WIDTH, HEIGHT), params(bare)
    bare.run(frame, look)
    shown(bare, frame, look, CHANGED)
    making = threading.Thread(target=bare.prepare_patches)
    making.start()
    bare.close()
    making.join(60)
    assert not making.is_alive()
    assert bare._runner.patches == ()


def test_no_patch_is_computed_before_there_are_statistics_for_it(bare, engines):
    """The first frame after they were made ready, with no whole one in between."""
    before, after = moved()
    look = params(bare)
    bare.run(before, look)
    shown(bare, before, look, CHANGED)
    bare.prepare_patches()
    picture = shown(bare, after, look, CHANGED)
    expected = engines[1].run(after, params(engines[1]))
    assert psnr(CHANGED.of(picture), CHANGED.of(expected)) >= 38.0
