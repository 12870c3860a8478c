"""A real X screen, captured by the real program: what is on it, and what may happen to it."""

import time
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import cv2
import numbered_card
import numbered_video
import numpy as np
import pytest
from numbered_card import AS_IT_IS, CLOSE, FPS, HEIGHT, PRESET, WIDTH, card
from real_command import Command, wait_until
from virtual_display import VirtualDisplay

from streamcam.flow.curtain import card as excuse_card

pytestmark = pytest.mark.system


@pytest.fixture
def capture(launch, folder: Path, display: VirtualDisplay) -> Callable[[str], Command]:
    """The program at work on a source, recording to out.mkv."""
    (folder / "look.toml").write_text(PRESET)

    def start(source: str) -> Command:
        return launch(
            *("--preset", "look.toml", "--source", source, "--output", "out.mkv", *AS_IT_IS),
            DISPLAY=display.name,
        ).live()

    return start


def shows(command: Command, number: int) -> Callable[[], bool]:
    """Whether the program's picture is the card with this number."""

    def look() -> bool:
        seen, off = numbered_card.read(command.picture())
        return seen == number and off <= CLOSE

    return look


def finish(command: Command) -> None:
    """Stop it, once what its page has shown is in the recording as well."""
    shown = command.stats()["frames_out"]
    wait_until(lambda: command.stats()["frames_out"] > shown + 2, "the recording of it")
    assert command.stop() == 0
    assert command.errors == []


def recorded(folder: Path) -> list[int]:
    """The numbers in the recording, each once, without black (but for the mouse pointer) and
    without the card that says that the screen is gone; a picture at every tick."""
    frames = numbered_video.read(folder / "out.mkv")
    ticks = np.array([seconds for seconds, _ in frames]) * FPS
    # A busy machine misses a tick now and then; half a second is an output that stood still.
    assert np.diff(ticks).max() < FPS / 2
    assert len(ticks) > 0.7 * ticks[-1]
    excuse = excuse_card((WIDTH, HEIGHT), "Waiting for the screen").astype(int)
    cards = [
        numbered_card.read(picture)
        for _, picture in frames
        if np.median(picture) > CLOSE and np.abs(picture - excuse).mean() > CLOSE
    ]
    assert max(off for _, off in cards) <= CLOSE
    return [number for number, _ in groupby(cards, key=lambda pair: pair[0])]


def test_a_region_to_the_pixel(capture, folder: Path, display: VirtualDisplay) -> None:
    x, y = 100, 60
    display.show(card(5), (x, y), folder)
    command = capture(f"screen:{x},{y},{WIDTH},{HEIGHT}")
    wait_until(shows(command, 5), "the card")
    picture = command.picture().astype(int)
    off = {
        (right, down): np.abs(picture - np.roll(card(5), (down, right), (0, 1))).mean()
        for right in (-1, 0, 1)
        for down in (-1, 0, 1)
    }
    assert min(off, key=off.get) == (0, 0), off
    assert off[0, 0] < 2
    display.show(card(6), (x, y), folder)
    wait_until(shows(command, 6), "the other card")
    finish(command)
    assert recorded(folder) == [5, 6]


def test_a_screen_that_goes_and_comes_back(
    capture, launch, folder: Path, display: VirtualDisplay
) -> None:
    display.show(card(5), (0, 0), folder)
    command = capture(f"screen:0,0,{WIDTH},{HEIGHT}")
    wait_until(shows(command, 5), "the card")

    display.stop()
    notice = wait_until(lambda: command.stats()["notice"], "the notice")
    assert notice.startswith("screen region 0,0 cannot be captured: the connection to the display")
    before, began = command.stats(), time.perf_counter()
    assert shows(command, 5)(), "the last picture stays"
    wait_until(lambda: not shows(command, 5)(), "a card that says why")
    time.sleep(1)
    after, took = command.stats(), time.perf_counter() - began
    assert after["frames_in"] == before["frames_in"]
    assert after["repeats"] - before["repeats"] == pytest.approx(FPS * took, rel=0.3)
    assert launch("curtain", "off").end() == 0
    wait_until(lambda: command.picture().max() < 16, "a curtain over it")
    assert launch("curtain", "live").end() == 0

    display.start()
    display.show(card(6), (0, 0), folder)
    wait_until(lambda: command.stats()["notice"] == "", "the recovery")
    wait_until(shows(command, 6), "the card on the new screen")
    finish(command)
    # Black is the curtain, and the new screen until the card is drawn on it.
    assert recorded(folder) == [5, 6]


def test_another_resolution(capture, folder: Path, display: VirtualDisplay) -> None:
    """Larger, too: then X goes on giving the old rectangle without an error."""
    sizes = [(800, 600), (1280, 720), (1024, 576)]
    show_on_all(display, 7, sizes[0], folder)
    command = capture("screen")
    assert "screen 1, 800x600" in command.until("source:")
    for number, size in enumerate(sizes, start=7):
        show_on_all(display, number, size, folder)
        wait_until(shows(command, number), f"the whole screen at {size}")
    assert command.stats()["notice"] == ""
    finish(command)
    assert not any("trying again" in line for line in command.said)


def show_on_all(display: VirtualDisplay, number: int, size: tuple[int, int], folder: Path) -> None:
    """A card as high as a screen of this size, in its middle: the part that is shown of it."""
    display.resize(*size)
    width, height = size
    across = height * WIDTH // HEIGHT
    scaled = cv2.resize(card(number), (across, height), interpolation=cv2.INTER_AREA)
    display.show(scaled, ((width - across) // 2, 0), folder)
