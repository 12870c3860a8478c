"""X screens of every depth, with the mouse pointer: captured in this process, pixel by pixel."""

import os
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from mouse_pointer import MousePointer
from virtual_display import VirtualDisplay

from streamcam.capture import Wanted, open_source
from streamcam.capture.screen.desktop import Desktop, bgra
from streamcam.errors import UsageError

pytestmark = pytest.mark.system

WIDTH, HEIGHT = 320, 240
DESK = (40, 90, 160)
LOOK = np.random.default_rng(3).integers(0, 256, (24, 17, 4), np.uint8)  # every kind of alpha
LOOK[:4], LOOK[4:8] = 0, 255
HOT = (5, 9)


@pytest.fixture
def displays(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., VirtualDisplay]]:
    """Start a display of a depth, and make it this process's."""
    started: list[VirtualDisplay] = []

    def start(depth: int = 24, *options: str) -> VirtualDisplay:
        made = VirtualDisplay(WIDTH, HEIGHT, depth, *options)
        started.append(made)
        made.start()
        for name in ("WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("DISPLAY", made.name)
        return made

    yield start
    for made in started:
        made.stop()


@pytest.fixture
def pointers() -> Iterator[Callable[[], MousePointer]]:
    """A pointer on this process's display."""
    made: list[MousePointer] = []

    def show() -> MousePointer:
        made.append(MousePointer(os.environ["DISPLAY"]))
        return made[-1]

    yield show
    for one in made:
        one.close()


def captured(choice: str) -> np.ndarray:
    """What the source delivers now."""
    source = open_source(choice, Wanted(fps=100))
    try:
        frame = None
        while frame is None:
            frame = source.read()
        assert (source.width, source.height) == frame.size
        return frame.pixels.copy()
    finally:
        source.close()


def with_pointer(desk: np.ndarray, x: int, y: int) -> np.ndarray:
    """A desktop with the pointer at x, y: an alpha blend, in floating point."""
    margin = 64
    wide = np.pad(desk.astype(float), ((margin, margin), (margin, margin), (0, 0)))
    top, left = margin + y - HOT[1], margin + x - HOT[0]
    part = wide[top : top + LOOK.shape[0], left : left + LOOK.shape[1]]
    alpha = LOOK[..., 3:] / 255
    part[:] = LOOK[..., :3] * alpha + part * (1 - alpha)
    return wide[margin:-margin, margin:-margin]


def off(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).max())


@pytest.mark.parametrize("at", [(100, 80), (0, 0), (WIDTH - 1, 7), (3, HEIGHT - 2), (319, 239)])
def test_the_pointer_is_where_it_is_and_blends_with_what_is_below(displays, pointers, at) -> None:
    displays().fill(DESK)
    pointer = pointers()
    pointer.look(LOOK, HOT)
    pointer.point(*at)
    desk = np.full((HEIGHT, WIDTH, 3), DESK, np.uint8)
    assert off(captured("screen"), with_pointer(desk, *at)) <= 1.5  # X rounds it once, we once
    assert off(captured("screen"), desk) > 50


@pytest.mark.parametrize(
    ("region", "seen"),
    [
        ((90, 70, 40, 30), True),  # all of it
        ((100, 80, 40, 30), True),  # its corners
        ((60, 40, 41, 41), True),
        ((98, 60, 5, 90), True),
        ((0, 78, 320, 3), True),
        ((112, 70, 40, 30), False),  # beside it, by one pixel on each side
        ((75, 70, 20, 30), False),
        ((90, 95, 40, 30), False),
        ((90, 51, 40, 20), False),
    ],
)
def test_a_region_has_the_part_of_the_pointer_that_is_in_it(
    displays, pointers, region, seen
) -> None:
    displays().fill(DESK)
    pointer = pointers()
    pointer.look(LOOK, HOT)
    pointer.point(100, 80)
    x, y, width, height = region
    desk = np.full((HEIGHT, WIDTH, 3), DESK, np.uint8)
    wanted = with_pointer(desk, 100, 80)[y : y + height, x : x + width]
    picture = captured("screen:{},{},{},{}".format(*region))
    assert off(picture, wanted) <= 1.5
    assert (off(picture, np.array(DESK)) > 0) == seen


def test_a_pointer_that_is_hidden_is_hidden(displays, pointers) -> None:
    """As players and games do it, with one that has no pixel."""
    displays().fill(DESK)
    pointer = pointers()
    pointer.look(np.zeros((16, 16, 4), np.uint8), (0, 0))
    pointer.point(100, 80)
    assert off(captured("screen"), np.array(DESK)) == 0


def test_a_pointer_that_the_server_does_not_show_is_left_out(displays, pointers) -> None:
    """Its program has ended: X refuses its picture, and with it mss the desktop's."""
    displays().fill(DESK)
    source = open_source("screen", Wanted(fps=100))  # else it takes the place of that program
    pointer = pointers()
    pointer.look(LOOK, HOT)
    pointer.point(100, 80)
    seen = []
    for ended in (False, True):
        if ended:
            pointer.close()
        pictures = [source.read() for _ in range(3)]
        seen.append(off(next(one for one in pictures if one).pixels, np.array(DESK)) > 0)
    source.close()
    assert seen == [True, False]


def test_a_server_that_knows_no_pointers(displays) -> None:
    displays(24, "-extension", "XFIXES").fill(DESK)
    desktop = Desktop()  # not closed before the end: this Xvfb does not survive it
    picture = bgra(desktop.grab(desktop.monitors[0]))[..., :3]
    assert off(picture, np.array(DESK[::-1])) == 0
    desktop.close()


COLOURS = [(0, 0, 0), (255, 255, 255), (200, 50, 30), (10, 220, 120), (90, 100, 250), (1, 2, 3)]
# The worst that rounding to so many bits does: half a step, and X cuts off instead.
STEP = {8: 0, 15: 8.3, 16: 8.3, 24: 0, 30: 0}


@pytest.mark.parametrize("depth", STEP)
def test_every_depth_in_its_colours_and_with_its_pointer(displays, pointers, depth: int) -> None:
    display = displays(depth)
    pointer = pointers()
    pointer.look(LOOK, HOT)
    pointer.point(100, 80)
    for colour in COLOURS:
        display.fill(colour)
        picture = captured("screen")
        wanted = with_pointer(np.full((HEIGHT, WIDTH, 3), colour, np.uint8), 100, 80)
        assert off(picture, wanted) <= STEP[depth] + 1.5, colour
        assert off(picture[150:], np.array(colour)) <= STEP[depth], colour
    odd = captured("screen:7,9,33,5")  # rows that are padded
    assert odd.shape == (5, 33, 3)
    assert off(odd, np.array(colour)) <= STEP[depth]
    with pytest.raises(UsageError, match=r"no monitor 2\. Monitors: 1 \(320x240 at 0,0, primary\)"):
        captured("screen:2")


def test_places_on_a_screen_of_another_depth(displays, tmp_path) -> None:
    """Neither turned nor mirrored, and a row is a row."""
    display = displays(16)
    x, y = 40, 24
    patch = np.zeros((8, 12, 3), np.uint8)
    patch[:, :6], patch[:4, 6:] = (255, 0, 0), (0, 0, 255)
    display.show(patch, (x, y), tmp_path)
    # xloadimage makes black (8, 4, 8).
    assert off(captured(f"screen:{x},{y},12,8"), patch) <= 8
    assert off(captured("screen")[y : y + 8, x : x + 12], patch) <= 8
