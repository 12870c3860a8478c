"""Geometry: from the source to the output `fit` is applied once, whatever engine lies between."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from streamcam.frames.geometry import Box, View, fills, inside

Sizes = st.tuples(st.integers(1, 4000), st.integers(1, 4000))
Engines = st.tuples(*[st.integers(8, 80).map(lambda steps: 16 * steps)] * 2)
Fits = st.sampled_from(["crop", "letterbox"])
PHONE, SCREEN = (288, 512), (640, 360)


def test_a_phone_film_between_bars_in_an_engine_of_another_shape() -> None:
    place = View(SCREEN, "letterbox").place(PHONE, (448, 256))
    assert place.visible == Box(0, 0, 288, 512), "nothing is cut"
    assert place.placed == Box(152, 0, 144, 256), "in its own shape"
    assert place.shown == Box(219, 0, 202, 360)


def test_a_phone_film_that_fills_the_screen() -> None:
    place = View(SCREEN, "crop").place(PHONE, (448, 256))
    assert place.visible == Box(0, 175, 288, 162), "the middle, cut once, evenly"
    assert place.placed == Box(0, 0, 448, 256)
    assert place.shown == Box(0, 0, 640, 360)


def test_a_cut_picture_is_placed_whole_in_an_engine_of_the_sources_shape() -> None:
    place = View(SCREEN, "crop").place(PHONE, (256, 448))
    assert place.visible == Box(0, 175, 288, 162)
    assert place.placed == Box(0, 152, 256, 144)
    assert place.shown == Box(0, 0, 640, 360)


@pytest.mark.parametrize("source", [(1280, 720), (1920, 1088), (1366, 768), (848, 480)])
@pytest.mark.parametrize("engine", [(256, 144), (320, 176), (384, 224), (448, 256), (640, 368)])
@pytest.mark.parametrize("fit", ["crop", "letterbox"])
def test_video_of_16_9_is_neither_cut_nor_barred(source, engine, fit) -> None:
    place = View((1280, 720), fit).place(source, engine)
    assert place.visible == Box(0, 0, *source)
    assert place.placed == Box(0, 0, *engine)
    assert place.shown == Box(0, 0, 1280, 720)


def test_a_film_that_is_a_little_wider_is_not_squeezed() -> None:
    """1.85:1, four per cent wider than 16:9."""
    film = (1998, 1080)
    assert View((1280, 720), "letterbox").place(film).shown == Box(0, 14, 1280, 692)
    assert View((1280, 720), "crop").place(film).visible == Box(39, 0, 1920, 1080)


def test_a_frame_without_an_engine_is_taken_from_the_source_itself() -> None:
    for fit in ("crop", "letterbox"):
        place = View(SCREEN, fit).place(PHONE)
        assert place.placed == place.visible


@settings(deadline=None)
@given(source=Sizes, engine=Engines, size=Sizes, fit=Fits)
def test_each_part_lies_in_the_middle_of_its_picture(source, engine, size, fit) -> None:
    place = View(size, fit).place(source, engine)
    for box, whole in ((place.visible, source), (place.placed, engine), (place.shown, size)):
        assert min(box.width, box.height) >= 1
        assert box.width == whole[0] or box.height == whole[1]
        for start, length, all_ in zip((box.left, box.top), box.size, whole, strict=True):
            assert 0 <= all_ - (start + length) - start <= 1
    if fit == "letterbox":
        assert place.visible == Box(0, 0, *source)
    else:
        assert place.shown == Box(0, 0, *size)


@settings(deadline=None)
@given(source=Sizes, engine=Engines, size=Sizes, fit=Fits)
def test_shapes_are_kept(source, engine, size, fit) -> None:
    """What is visible keeps its shape to 1 % in the output and to 5 % in the engine, and what
    rounding to whole pixels adds."""
    place = View(size, fit).place(source, engine)
    assume(min(*place.visible.size, *place.placed.size, *place.shown.size) >= 4)
    for box, allowed in ((place.shown, 0.01), (place.placed, 0.05)):
        ratio = (place.visible.width * box.height) / (place.visible.height * box.width)
        pixel = sum(0.5 / (side - 0.5) for side in (*place.visible.size, *box.size))
        assert abs(ratio - 1) <= allowed + 1.5 * pixel


@given(source=Sizes, size=Sizes, fit=Fits)
def test_an_engine_changes_nothing_of_what_is_shown(source, size, fit) -> None:
    view = View(size, fit)
    direct, through = view.place(source), view.place(source, (448, 256))
    assert (direct.visible, direct.shown) == (through.visible, through.shown)


def test_which_engines_a_picture_fills() -> None:
    assert fills((448, 256), 16 / 9)
    assert fills((320, 176), 16 / 9)
    assert not fills((448, 256), 4 / 3)
    assert inside((448, 256), 1.0) == Box(96, 0, 256, 256)


def test_a_box_is_a_view() -> None:
    import numpy as np

    picture = np.zeros((36, 64, 3), np.uint8)
    Box(8, 4, 16, 2).of(picture)[:] = 9
    assert (picture[4:6, 8:24] == 9).all()
    assert picture.sum() == 9 * 3 * 32
