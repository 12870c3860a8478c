"""What is shown: every way to show a person and a room, and never the camera by accident."""

import itertools
from dataclasses import replace

import cv2
import numpy as np
import pytest
from drawn_people import SIZE, alpha, over, person, settings, texture

from streamcam.errors import UsageError
from streamcam.frames.geometry import View
from streamcam.mask import NoMask
from streamcam.mask.composer import Composer
from streamcam.mask.masking import open_masking

SCREEN = np.array([40, 200, 60], np.uint8)
STYLED, AS_IT_IS = "styled", "as it is"
BACKGROUNDS = (STYLED, AS_IT_IS, "blur", "colour", "picture")
WAYS = [
    (one, other)
    for one, other in itertools.product((STYLED, AS_IT_IS), BACKGROUNDS)
    if one != other or one == STYLED
]
WAYS.remove((STYLED, STYLED))
PAINTING = texture(21, 0, 255, grain=9, size=SIZE)


class Painting:
    """A background of a file."""

    moves = False

    def __init__(self, name="", moves=False):
        self.moves, self.closed, self.picture = moves, False, PAINTING

    def behind(self, styled, camera, mask):
        return self.picture

    def close(self):
        self.closed = True


class Known:
    """A source that says what it is told."""

    exact = False

    def __init__(self, mask):
        self.mask, self.asked = mask, 0

    def look_at(self, picture):
        self.asked += 1
        if isinstance(self.mask, BaseException):
            raise self.mask
        return self.mask.copy()

    def shares(self, colours):
        raise NotImplementedError

    def clean(self, colours):
        pass


def camera(left=0.0, size=SIZE):
    share = alpha(left=left, size=size)
    screen = np.broadcast_to(SCREEN, (size[1], size[0], 3))
    return over(person(size), share, screen), share


def look(picture):
    """As an engine would make it: nothing of it is like the camera's."""
    return np.ascontiguousarray(255 - picture[:, :, ::-1])


def composer(view=None, source=None, mirror=False, said=None, clock=None, **stated):
    masking = open_masking(settings(picture="painting.png", **stated), Painting)
    if source is not None:
        masking = replace(masking, source=source)
    put_up = [].append if said is None else said.append
    timed = {} if clock is None else {"clock": clock}
    return Composer(view or View(SIZE), masking, put_up, mirror=mirror, **timed)


def wanted(way, picture, styled):
    """What the person's and the background's pixels should be."""
    front = picture if way[0] == AS_IT_IS else styled
    behind = {
        STYLED: styled,
        AS_IT_IS: picture,
        "colour": np.broadcast_to(np.array([0x20, 0x40, 0xFF], np.uint8), picture.shape),
        "picture": PAINTING,
    }.get(way[1])
    return front, behind


@pytest.mark.parametrize("way", WAYS, ids=" and ".join)
def test_person_and_background_are_shown_as_asked(way):
    picture, share = camera()
    styled = look(picture)
    before = (picture.copy(), styled.copy())
    made = composer(person=way[0], background=way[1]).compose(styled, picture)
    front, behind = wanted(way, picture, styled)
    near = cv2.erode(share, np.ones((25, 25))) == 1.0
    far = cv2.dilate(share, np.ones((25, 25))) == 0.0
    assert np.array_equal(made[near], front[near])
    if behind is not None:
        assert np.array_equal(made[far], behind[far])
        mixed = share[:, :, None] * before[0 if way[0] == AS_IT_IS else 1]
        soft = (share > 0.0) & (share < 1.0)
        ideal = over(front_alone(way, share), share, behind)
        assert np.abs(made[soft].astype(int) - ideal[soft]).mean() < 22
        assert mixed.shape == made.shape
    assert np.array_equal(picture, before[0]), "the camera's frame is written to by nobody"
    assert np.array_equal(styled, before[1])


def front_alone(way, share):
    """The person without any screen behind: only a drawing has that."""
    alone = person()
    return alone if way[0] == AS_IT_IS else look(alone)


@pytest.mark.parametrize("background", ["blur", "colour", "picture", STYLED])
def test_no_green_is_left_at_the_edges_of_a_person(background):
    picture, share = camera()
    styled = look(picture)
    made = composer(person=AS_IT_IS, background=background).compose(styled, picture)
    edge = (share > 0.25) & (share < 1.0)
    front = made[edge].astype(int)
    plain = picture[edge].astype(int)

    def excess(colours):
        return np.maximum(colours[:, 1] - np.maximum(colours[:, 0], colours[:, 2]), 0).mean()

    assert excess(front) < 0.25 * excess(plain)


def test_a_blurred_room_has_no_halo_of_the_person():
    share = alpha(hair=False)
    room = np.full((SIZE[1], SIZE[0], 3), 200, np.uint8)
    picture = over(np.zeros_like(room), share, room)
    mask = cv2.resize(share, (256, 144), interpolation=cv2.INTER_AREA)
    made = composer(source=Known(mask), person=AS_IT_IS, background="blur").compose(
        picture, picture
    )
    far = cv2.dilate(share, np.ones((25, 25))) == 0.0
    assert np.abs(made[far].astype(int) - 200).max() <= 2, "black would shine through"


def test_a_blurred_room_is_out_of_focus():
    room = texture(5, 0, 255, size=SIZE)
    share = alpha(hair=False)
    mask = cv2.resize(share, (256, 144), interpolation=cv2.INTER_AREA)
    made = composer(source=Known(mask), background="blur").compose(
        room, over(person(), share, room)
    )
    far = cv2.dilate(share, np.ones((25, 25))) == 0.0
    assert made[far].std(axis=0).mean() < 0.25 * room[far].std(axis=0).mean()


MARK = np.array([255, 0, 255], np.uint8)
FAULTS = {
    "no mask": Known(NoMask("it is dark")),
    "an error": Known(RuntimeError("out of memory")),
    "OpenCV's": Known(cv2.error("bad")),
    "another kind": Known(np.zeros((3, 3, 3), np.float32)),
    "not a picture": Known(np.zeros(0, np.float32)),
}


@pytest.mark.parametrize("way", WAYS, ids=" and ".join)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_mask_that_fails_shows_the_whole_picture_styled(way, fault):
    said = []
    made = composer(source=FAULTS[fault], said=said, person=way[0], background=way[1])
    picture = np.broadcast_to(MARK, (SIZE[1], SIZE[0], 3)).copy()
    styled = np.zeros_like(picture)
    assert made.compose(styled, picture) is styled
    assert len(said) == 1
    assert said[0].startswith("mask: ")
    assert said[0].endswith("the whole picture is styled")


@pytest.mark.parametrize(
    ("way", "level", "reason"),
    [
        ((AS_IT_IS, STYLED), 1.0, "it takes the whole picture for the person"),
        ((AS_IT_IS, "blur"), 1.0, "it takes the whole picture for the person"),
        ((STYLED, AS_IT_IS), 0.0, "there is no person to be seen"),
    ],
)
def test_the_whole_camera_is_never_shown(way, level, reason):
    """Nor where a mask that works says so: a screen that fell over, a camera that was moved."""
    said = []
    mask = Known(np.full((144, 256), level, np.float32))
    made = composer(source=mask, said=said, person=way[0], background=way[1])
    picture = np.broadcast_to(MARK, (SIZE[1], SIZE[0], 3)).copy()
    styled = np.zeros_like(picture)
    for _ in range(5):
        assert not (made.compose(styled.copy(), picture.copy()) == MARK).all(2).any()
    assert said == [f"mask: {reason}; the whole picture is styled"]


def test_what_is_not_asked_for_as_it_is_holds_no_pixel_of_the_camera():
    picture, _ = camera()
    picture[:] = np.where((picture == SCREEN).all(2)[:, :, None], SCREEN, MARK)
    styled = np.zeros_like(picture)
    for background in ("blur", "colour", "picture"):
        made = composer(background=background).compose(styled, picture)
        assert not (made == MARK).all(2).any()
        assert not (made == SCREEN).all(2).any()


def test_a_mask_that_comes_back_is_shown_again_and_the_notice_goes():
    now, said = [0.0], []
    picture, share = camera()
    mask = cv2.resize(share, (256, 144), interpolation=cv2.INTER_AREA)
    source = Known(RuntimeError("busy"))
    made = composer(source=source, said=said, clock=lambda: now[0], person=AS_IT_IS)
    styled = look(picture)
    assert made.compose(styled, picture) is styled
    source.mask, asked = mask, source.asked
    assert made.compose(styled, picture) is styled, "it rests"
    assert source.asked == asked
    now[0] = 1.5
    assert made.compose(styled, picture) is not styled
    assert said[-1] == ""


def test_a_still_picture_is_composed_once_unless_a_film_plays_behind():
    picture, share = camera()
    styled = look(picture)
    mask = Known(cv2.resize(share, (256, 144), interpolation=cv2.INTER_AREA))
    made = composer(source=mask, background="picture")
    first = made.compose(styled, picture)
    assert made.compose(styled, picture.copy(), still=True) is first
    assert made.compose(styled, picture) is first
    assert mask.asked == 1
    behind = made.masking.background
    behind.moves, behind.picture = True, 255 - PAINTING
    again = made.compose(styled, picture.copy(), still=True)
    assert mask.asked == 1, "the mask is that of the same picture"
    assert np.array_equal(again[:5, :5], 255 - PAINTING[:5, :5])


def test_mask_and_picture_are_of_the_same_frame():
    made = composer(person=AS_IT_IS, background=STYLED)
    for left in (-120.0, 130.0, 0.0, -60.0):
        picture, share = camera(left)
        styled = look(picture)
        shown = made.compose(styled, picture)
        near = cv2.erode(share, np.ones((25, 25))) == 1.0
        far = cv2.dilate(share, np.ones((25, 25))) == 0.0
        assert np.array_equal(shown[near], picture[near])
        assert np.array_equal(shown[far], styled[far])


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("fit", ["crop", "letterbox"])
@pytest.mark.parametrize("source", [(640, 360), (480, 360), (270, 480), (1282, 722)])
@pytest.mark.parametrize("size", [(640, 360), (426, 240), (202, 360)])
def test_every_shape_of_camera_and_output(source, size, fit, mirror):
    """The person is at the left: that side of the outputs shows them as they are."""
    picture = np.full((source[1], source[0], 3), 255, np.uint8)
    picture[:, : source[0] // 2] = 30
    mask = np.zeros((144, 256), np.float32)
    mask[:, :128] = 1.0
    view = View(size, fit)
    at = view.place(source).shown
    styled = np.zeros((size[1], size[0], 3), np.uint8)
    styled[at.top : at.top + at.height, at.left : at.left + at.width] = 128
    if mirror:
        styled = np.ascontiguousarray(cv2.flip(styled, 1))
    made = composer(view, Known(mask), mirror=mirror, person=AS_IT_IS).compose(styled, picture)
    assert made.shape == styled.shape
    shown = cv2.flip(made, 1) if mirror else made
    box = cv2.flip(styled, 1) if mirror else styled
    inside = shown[at.top : at.top + at.height, at.left : at.left + at.width]
    assert np.abs(inside[:, : at.width // 2 - 14].astype(int) - 30).max() <= 1
    assert np.abs(inside[:, at.width // 2 + 14 :].astype(int) - 128).max() <= 1
    assert np.array_equal(shown == 0, box == 0), "bars stay bars"


def test_nothing_styled_at_all_is_refused():
    with pytest.raises(UsageError, match="nothing would be styled"):
        open_masking(settings(person=AS_IT_IS, background=AS_IT_IS), Painting)


@pytest.mark.parametrize("stated", [{"source": "off", "person": AS_IT_IS}, {}])
def test_where_all_is_styled_there_is_no_mask(stated):
    assert open_masking(settings(**stated), Painting) is None


def test_the_label_says_loudly_what_is_shown_as_it_is():
    assert composer(person=AS_IT_IS, background="blur").masking.label == (
        "person AS IT IS, background blur"
    )


@pytest.mark.parametrize("front", [STYLED, AS_IT_IS])
@pytest.mark.parametrize("mirror", [False, True])
def test_the_person_alone_has_the_exact_alpha(front, mirror):
    """And what is cut out, over the colour, is what other outputs show."""
    picture, share = camera()
    styled = look(picture[:, ::-1] if mirror else picture)
    made = composer(person=front, background="transparent", mirror=mirror)
    shown = made.compose(styled, picture)
    found = made.cut_out[:, :, 3].astype(np.float32) / 255
    exact = share[:, ::-1] if mirror else share
    assert np.abs(found - exact).mean() < 0.006
    assert np.abs(found - exact)[(exact == 0) | (exact == 1)].mean() < 0.004
    colour = np.array([0x20, 0x40, 0xFF], np.float32)
    over_it = found[:, :, None] * made.cut_out[:, :, :3] + (1 - found[:, :, None]) * colour
    assert np.abs(over_it - shown).max() < 3
    assert composer(background="colour").cut_out is None


def test_nothing_of_the_room_is_left_where_nothing_is_shown():
    """Not even under an alpha of 0, from where any program would fetch it."""
    picture, _ = camera()
    made = composer(person=AS_IT_IS, background="transparent")
    made.compose(look(picture), picture)
    under = made.cut_out[made.cut_out[:, :, 3] == 0]
    assert (under[:, :3] == (0x20, 0x40, 0xFF)).all()


def test_bars_are_transparent_too():
    picture, _ = camera()
    view = View((SIZE[0], SIZE[1] + 80), "letterbox")
    styled = np.full((SIZE[1] + 80, SIZE[0], 3), 7, np.uint8)
    made = composer(view, background="transparent")
    made.compose(styled, picture)
    assert not made.cut_out[:39].any()
    assert not made.cut_out[-39:].any()
    assert made.cut_out[40:-40, :, 3].max() == 255


def test_a_mask_that_fails_cuts_nothing_out():
    picture, _ = camera()
    styled = look(picture)
    mask = cv2.resize(alpha(), (160, 90))
    source = Known(mask)
    made = composer(source=source, background="transparent")
    made.compose(styled, picture)
    assert made.cut_out is not None
    source.mask = NoMask("x")
    moved, _ = camera(left=40)
    styled = look(moved)
    assert made.compose(styled, moved) is styled
    assert made.cut_out is None
