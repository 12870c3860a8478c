"""A Wayland desktop's screen, captured by the real program over a real bus and a real PipeWire.

The desktop itself is a stand-in (shared_screen.py): a portal whose user answers as the test says,
and a node with pictures, which come only when something changes.
"""

import time
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

import numbered_card
import numbered_video
import numpy as np
import pytest
from numbered_card import AS_IT_IS, CLOSE, FPS, HEIGHT, PRESET, WIDTH, card
from pipewire_session import Session
from real_command import Command, wait_until
from shared_screen import REFUSED, Monitor, Portal

from streamcam.pipewire import pods

pytestmark = pytest.mark.system

WAYLAND = {"WAYLAND_DISPLAY": "wayland-0", "XDG_SESSION_TYPE": "wayland"}


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """With this process in it."""
    made = Session()
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    yield made
    made.close()


@pytest.fixture
def monitors(session: Session) -> Iterator[Callable[..., Monitor]]:
    """Plug a monitor in."""
    plugged: list[Monitor] = []

    def plug(*arguments) -> Monitor:
        plugged.append(Monitor(*arguments))
        return plugged[-1]

    yield plug
    for monitor in plugged:
        monitor.close()


@pytest.fixture
def portals(session: Session) -> Iterator[Callable[[str], Portal]]:
    """Start the portal, whose user chooses the monitor of this name."""
    started: list[Portal] = []

    def start(name: str) -> Portal:
        started.append(Portal(session, session.node(name)))
        return started[-1]

    yield start
    for portal in started:
        portal.close()


@pytest.fixture
def capture(launch, folder: Path, session: Session) -> Callable[..., Command]:
    """The program at work on a source, recording to out.mp4."""
    (folder / "look.toml").write_text(PRESET)

    def start(source: str) -> Command:
        return launch(
            *("--preset", "look.toml", "--source", source, "--output", "out.mp4", *AS_IT_IS),
            **session.environment | WAYLAND,
        )

    return start


def begin(command: Command, monitor: Monitor, picture: np.ndarray) -> Command:
    """Show a picture until the command has its first picture."""

    def live() -> bool:
        assert command.process.poll() is None, command.errors
        if monitor.watched:
            monitor.show(picture)
        return any("live:" in line for line in command.said)

    wait_until(live, "the first picture")
    return command


def show(command: Command, monitor: Monitor, number: int) -> None:
    """Show a card until the command has it. Once may not be enough: PipeWire drops a picture that
    comes before the last one is read, and begins with an empty one."""

    def shown() -> bool:
        if monitor.watched:
            monitor.show(card(number))
        seen, off = numbered_card.read(command.picture())
        return seen == number and off <= CLOSE

    wait_until(shown, f"card {number}")


def recorded(folder: Path) -> list[int]:
    """The numbers in the recording, each once."""
    cards = [numbered_card.read(picture) for _, picture in numbered_video.read(folder / "out.mp4")]
    assert max(off for _, off in cards) <= CLOSE
    return [number for number, _ in groupby(cards, key=lambda pair: pair[0])]


@pytest.mark.parametrize("pixels", [pods.BGRX, pods.RGBX], ids=["BGRx", "RGBx"])
def test_the_pictures_in_order_and_in_their_colours(
    capture, monitors, portals, folder: Path, pixels: int
) -> None:
    monitor = monitors("eDP-1", (WIDTH, HEIGHT), pixels)
    portal = portals("eDP-1")
    command = begin(capture("screen"), monitor, card(1))
    assert command.until("source:") == f"source: the shared screen, 640x480 at {FPS} fps"
    for number in range(2, 40):
        monitor.show(card(number))
        time.sleep(0.1)
    show(command, monitor, 39)
    before = command.stats()["frames_in"]  # from here on the monitor sends nothing
    wait_until(lambda: command.stats()["frames_in"] > before + FPS, "the same picture, again")
    assert command.stop() == 0
    assert command.errors == []
    numbers = recorded(folder)
    assert numbers == sorted(numbers)
    assert (numbers[0], numbers[-1]) == (1, 39)
    assert len(numbers) > 20, numbers
    (wish,) = portal.asked
    assert (wish["types"], wish["cursor_mode"], wish["persist_mode"]) == (1, 2, 2)
    wait_until(lambda: not monitor.watched, "the end of it")


@pytest.mark.parametrize("pixels", ["BGRx", "RGBA"])
def test_pictures_of_a_program_that_is_not_ours(capture, portals, session, pixels: str) -> None:
    pattern = ("videotestsrc", "is-live=true", "pattern=solid-color", "foreground-color=0xffc8641e")
    form = f"video/x-raw,format={pixels},width={WIDTH},height={HEIGHT},framerate=20/1"
    node = "stream-properties=p,node.name=gst,media.class=Video/Source"
    screen = ("!", form, "!", "pipewiresink", "mode=provide", node)
    gstreamer = session.popen("gst-launch-1.0", "-q", *pattern, *screen)
    try:
        portals("gst")
        command = capture("screen").live()
        picture = command.picture().astype(int)
        assert np.abs(picture - (0xC8, 0x64, 0x1E)).max() <= CLOSE
        assert command.stop() == 0
        assert command.errors == []
    finally:
        gstreamer.terminate()
        gstreamer.wait()


def test_a_region_of_it_and_no_second_dialog(
    capture, monitors, portals, folder: Path, session: Session
) -> None:
    x, y = 40, 24
    desk = np.full((HEIGHT + 100, WIDTH + 100, 3), 90, np.uint8)
    desk[y : y + HEIGHT, x : x + WIDTH] = card(5)
    monitor = monitors("eDP-1", (WIDTH + 100, HEIGHT + 100))
    portal = portals("eDP-1")
    assert begin(capture("screen"), monitor, desk).stop() == 0
    command = begin(capture(f"screen:{x},{y},{WIDTH},{HEIGHT}"), monitor, desk)
    region = command.picture()
    assert command.stop() == 0
    assert command.errors == []
    off = {
        (right, down): np.abs(region.astype(int) - np.roll(card(5), (down, right), (0, 1))).mean()
        for right in (-1, 0, 1)
        for down in (-1, 0, 1)
    }
    assert min(off, key=off.get) == (0, 0), off
    assert off[0, 0] < 2
    assert len(portal.asked) == 1
    assert [wish.get("restore_token") for wish in portal.wishes] == [None, "token 1"]


def test_a_monitor_that_goes_and_comes_back(capture, monitors, portals, folder: Path) -> None:
    monitor = monitors("eDP-1", (WIDTH, HEIGHT))
    portal = portals("eDP-1")
    command = begin(capture("screen"), monitor, card(5))
    show(command, monitor, 5)
    monitor.close()
    notice = wait_until(lambda: command.stats()["notice"], "the notice")
    assert notice == "the shared screen is lost: the connection broke; trying again"
    again = monitors("HDMI-1", (WIDTH, HEIGHT))
    portal.node = portal.session.node("HDMI-1")
    wait_until(lambda: command.stats()["notice"] == "", "the recovery")
    show(command, again, 6)
    assert command.stop() == 0
    assert command.errors == []
    assert recorded(folder) == [5, 6]
    assert len(portal.asked) == 1


def test_pipewire_that_dies_and_comes_back(capture, monitors, portals, session) -> None:
    monitor = monitors("eDP-1", (WIDTH, HEIGHT))
    portal = portals("eDP-1")
    command = begin(capture("screen"), monitor, card(5))
    session.kill_pipewire()
    notice = wait_until(lambda: command.stats()["notice"], "the notice")
    assert notice == "the shared screen is lost: connection error; trying again"
    session.start_pipewire()
    again = monitors("eDP-1", (WIDTH, HEIGHT))
    portal.node = session.node("eDP-1")
    wait_until(lambda: command.stats()["notice"] == "", "the recovery")
    show(command, again, 6)
    assert command.stop() == 0


def test_another_resolution_of_the_same_screen(capture, monitors, portals) -> None:
    """Nothing is lost meanwhile, and nobody is asked."""
    monitor = monitors("eDP-1", (WIDTH, HEIGHT))
    portal = portals("eDP-1")
    command = begin(capture("screen"), monitor, card(5))
    show(command, monitor, 5)
    for number, scale in ((6, 2), (7, 1)):
        monitor.resize(scale * WIDTH, scale * HEIGHT)
        whole = card(number).repeat(scale, 0).repeat(scale, 1)

        def shown(whole=whole, number=number) -> bool:
            if monitor.watched:
                monitor.show(whole)
            seen, off = numbered_card.read(command.picture())
            return seen == number and off <= CLOSE

        wait_until(shown, "the whole of it")
        assert command.stats()["notice"] == ""
    assert command.stop() == 0
    assert not any("lost" in line for line in command.said)
    assert len(portal.wishes) == 1


def test_another_resolution(capture, monitors, portals, session) -> None:
    monitor = monitors("eDP-1", (WIDTH, HEIGHT))
    portal = portals("eDP-1")
    command = begin(capture("screen:2"), monitor, card(5))
    assert command.until("source:").startswith("source: the screen chosen for screen:2, 640x480 at")
    monitor.close()
    again = monitors("eDP-1", (2 * WIDTH, 2 * HEIGHT))
    portal.node = session.node("eDP-1")
    larger = card(7).repeat(2, 0).repeat(2, 1)
    wait_until(lambda: again.watched, "the capture of it")
    wait_until(
        lambda: again.show(larger) or numbered_card.read(command.picture())[0] == 7,
        "the whole of it",
    )
    assert command.stop() == 0


def test_a_user_who_ends_it_is_asked_once_more(capture, monitors, portals) -> None:
    monitor = monitors("eDP-1", (WIDTH, HEIGHT))
    portal = portals("eDP-1")
    command = begin(capture("screen"), monitor, card(5))
    portal.answer = REFUSED
    portal.end_session()
    refusal = "the screen is not shared: the desktop's dialog was answered with no."
    wait_until(lambda: command.stats()["notice"].startswith(refusal), "the refusal")
    time.sleep(6)  # longer than the longest pause between tries
    assert len(portal.asked) == 2
    assert command.stop() == 0
    assert not monitor.watched


def test_a_user_who_says_no_or_nothing(capture, monitors, portals) -> None:
    monitors("eDP-1", (WIDTH, HEIGHT))
    portal = portals("eDP-1")
    portal.answer = REFUSED
    command = capture("screen")
    assert command.end() == 2
    assert command.errors == [
        "streamcam: the screen is not shared: the desktop's dialog was answered with no. "
        "Start streamcam again to be asked again, or take another --source."
    ]
    portal.answer = None
    waiting = capture("screen")
    wait_until(lambda: len(portal.asked) == 2, "the dialog")
    began = time.perf_counter()
    assert waiting.stop() in (0, 130)
    assert time.perf_counter() - began < 5


def test_without_a_portal_the_packages_are_named(capture, session) -> None:
    command = capture("screen")
    assert command.end() == 2
    (line,) = command.errors
    assert "no desktop portal offers the screen" in line
    assert "xdg-desktop-portal-gnome, -kde, -hyprland or (sway and its like) -wlr" in line
    assert "Xorg session" in line
    assert 'camera:"OBS Virtual Camera"' in line
