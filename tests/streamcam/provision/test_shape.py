"""The engine's shape: when another one is wanted, of which size, and that nothing thrashes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamcam.frames.geometry import fills
from streamcam.provision.shape import AutomaticSize, ShapeWatch
from streamcam.provision.size import candidates

WIDE, TALL = 16 / 9, 9 / 16


class Watch:
    """A watch over a shape and a clock that the test moves.

    asked  what it told, and when; builds  when an engine was begun for another shape than before
    """

    def __init__(self):
        self.aspect, self.now, self.asked, self.builds = WIDE, 0.0, [], []
        self.built = WIDE
        self.watch = ShapeWatch(lambda: self.aspect, self.changed, lambda: self.now)

    def changed(self, aspect):
        self.asked.append((self.now, aspect))
        begins, self.built = aspect != self.built, aspect
        if begins:
            self.builds.append(self.now)
        return begins

    def until(self, time):
        while self.now < time:
            self.watch.look()
            self.now = round(self.now + 0.1, 1)


def test_a_shape_is_told_once_it_has_lasted_three_seconds():
    one = Watch()
    one.until(10)
    one.asked.clear()
    one.aspect = TALL
    one.until(13)
    assert one.asked == []
    one.until(13.2)
    assert one.asked[0] == (13.0, TALL)


def test_before_the_first_frame_there_is_nothing_to_tell():
    one = Watch()
    one.aspect = None
    one.until(10)
    assert one.asked == []


def test_a_phone_that_is_turned_and_turned_back_asks_for_nothing():
    one = Watch()
    for turn in range(20):
        one.aspect = TALL if turn % 2 else WIDE
        one.until(2.0 * (turn + 1))
    assert one.asked == []


def test_sizes_of_nearly_one_shape_go_on_lasting():
    """As a stream has that adapts to the network: 720x1280, 480x854, 360x640."""
    one = Watch()
    for step in range(10):
        one.aspect = (720 / 1280, 480 / 854, 0.55)[step % 3]
        one.until(1.0 * (step + 1))
    assert one.asked


def test_a_source_that_goes_on_changing_is_followed_ever_less():
    one = Watch()
    for turn in range(100):
        one.aspect = TALL if turn % 2 else WIDE
        one.until(10.0 * (turn + 1))
    assert one.builds == [13.0, 26.0], "after 3 and 6 seconds; 12 no shape lasts"
    one.until(1100)
    one.aspect = WIDE if one.aspect == TALL else TALL
    one.builds.clear()
    one.until(1104)
    assert one.builds, "a shape that lasted a minute made it calm"


def test_an_automatic_size_has_the_work_of_the_first_and_the_pictures_shape():
    one = AutomaticSize((448, 256))
    one.follow(WIDE)
    assert one.size == (448, 256)
    one.follow(TALL)
    assert one.size == (256, 448)
    one.follow(TALL * 1.04)
    assert one.size == (256, 448), "within the five per cent that are stretched"
    one.follow(4 / 3)
    assert one.size == (384, 288)
    one.follow(WIDE)
    assert one.size == (448, 256)


@given(
    nominal=st.integers(0, 7),
    aspects=st.lists(st.floats(0.05, 20, allow_nan=False), max_size=10),
)
def test_it_does_not_drift(nominal, aspects):
    first = candidates(WIDE)[nominal]
    one = AutomaticSize(first)
    for aspect in aspects:
        one.follow(aspect)
        area = one.size[0] * one.size[1]
        if 0.4 < aspect < 2.5:
            assert area == pytest.approx(first[0] * first[1], rel=0.15)
    one.follow(1.0)
    one.follow(WIDE)
    assert one.size == first


def test_a_size_that_cannot_be_had_is_not_asked_for_until_the_shape_has_changed():
    one = AutomaticSize((448, 256))
    one.follow(TALL)
    one.refuse((448, 256))
    for _ in range(3):
        one.follow(TALL)
        assert one.size == (448, 256)
    one.follow(WIDE)
    one.follow(TALL)
    assert one.size == (256, 448)
    one.refuse((448, 256))
    one.follow(1.0)
    assert fills(one.size, 1.0)
