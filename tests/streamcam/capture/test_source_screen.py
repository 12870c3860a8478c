from __future__ import annotations

import mss
import numpy as np
import pytest
from capture_fakes import FakeGrabber, red
from mss.exception import ScreenShotError

from streamcam.capture import Wanted, open_source, screen
from streamcam.capture.screen import ScreenSource, list_screens
from streamcam.capture.screen.desktop import Screen, find
from streamcam.errors import SourceLost, UsageError

WANTED = Wanted(fps=10)


@pytest.fixture(autouse=True)
def xorg(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("XDG_SESSION_TYPE", "x11")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    for module in ("screen", "screen.wayland"):  # where the session turns out to be Wayland's
        obstacle = f"streamcam.capture.{module}.portal_obstacle"
        monkeypatch.setattr(obstacle, lambda: "no desktop portal offers the screen")


@pytest.fixture
def desktop(monkeypatch):
    """Makes `mss.MSS()` connect to a fake desktop, which is returned."""
    grabber = FakeGrabber()
    monkeypatch.setattr(mss, "MSS", lambda: grabber)
    return grabber


@pytest.fixture
def no_display(monkeypatch):
    def refuse():
        raise ScreenShotError("Cannot connect to display")

    monkeypatch.setattr(mss, "MSS", refuse)


@pytest.mark.parametrize(
    ("choice", "left", "top", "width", "height"),
    [
        ("screen", 0, 0, 96, 72),  # the primary one, which is the second
        ("screen:1", -64, 0, 64, 48),
        ("screen:2", 0, 0, 96, 72),
        ("screen:-10,5,30,20", -10, 5, 30, 20),
        ("screen: 0, 0, 96, 72", 0, 0, 96, 72),
    ],
)
def test_captures_what_was_asked_for(desktop, choice, left, top, width, height):
    source = open_source(choice, WANTED)
    assert (source.width, source.height) == (width, height)
    frame = source.read()
    assert frame.pixels[0, 0].tolist() == list(red(2))
    assert desktop.grabbed[-1] == {"left": left, "top": top, "width": width, "height": height}
    assert f"{width}x{height} at 10 fps" in source.label
    source.close()
    assert desktop.closed


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("3", "there is no monitor 3"),
        ("0", "there is no monitor 0"),
        ("left", "neither a monitor number nor x,y,w,h"),
        ("1,2,3", "neither"),
        ("0,0,97,72", "not on the screen"),
        ("-65,0,10,10", "not on the screen"),
        ("0,-1,10,10", "not on the screen"),
        ("0,0,0,10", "not on the screen"),
        ("5000,5000,10,10", "not on the screen"),
    ],
)
def test_what_is_not_there_is_refused_with_a_list(desktop, argument, reason):
    with pytest.raises(UsageError, match=reason) as refusal:
        open_source(f"screen:{argument}", WANTED)
    listed = "Monitors: 1 (64x48 at -64,0); 2 (96x72 at 0,0, primary)."
    assert str(refusal.value).endswith(listed)
    assert argument in str(refusal.value)
    assert desktop.closed


def test_lists_the_screens(desktop):
    assert list_screens() == [
        Screen(1, -64, 0, 64, 48, primary=False),
        Screen(2, 0, 0, 96, 72, primary=True),
    ]
    assert desktop.closed


def test_a_desktop_without_monitor_information_is_one_screen():
    only = FakeGrabber([{"left": 0, "top": 0, "width": 32, "height": 24}])
    name, box = find("", only.monitors)
    assert (name, box) == ("screen 1", Screen(1, 0, 0, 32, 24, primary=True))


def test_dense_displays_deliver_all_their_pixels(clock):
    grabber = FakeGrabber(scale=2)
    source = ScreenSource(grabber, "1", WANTED, clock, lambda: grabber.monitors)
    assert (source.width, source.height) == (128, 96)
    assert source.read().pixels.shape == (96, 128, 3)


def test_no_display_says_what_else_there_is(no_display):
    with pytest.raises(UsageError, match=r"there is no screen here .*--source demo"):
        open_source("screen", WANTED)
    assert list_screens() == []


@pytest.mark.parametrize("variable", ["XDG_SESSION_TYPE", "WAYLAND_DISPLAY"])
def test_wayland_without_x_says_what_to_do(no_display, monkeypatch, variable):
    monkeypatch.setenv(variable, "wayland")
    with pytest.raises(
        UsageError, match=r"Wayland.*no desktop portal.*Xorg session.*OBS Virtual Camera"
    ):
        open_source("screen", WANTED)
    assert list_screens() == []


def test_a_black_desktop_under_wayland_is_the_one_x_clients_are_shown(desktop, monkeypatch):
    desktop.bgra = (0, 0, 0, 255)
    assert open_source("screen", WANTED).read().pixels.max() == 0  # Xorg: it is just dark
    monkeypatch.setenv("XDG_SESSION_TYPE", "wayland")
    with pytest.raises(UsageError, match="Wayland"):
        open_source("screen", WANTED)
    assert list_screens() == []
    desktop.bgra = (0, 0, 90, 0)  # a compositor that lets X clients see
    assert open_source("screen", WANTED).read().pixels[0, 0].tolist() == [90, 0, 0]
    assert len(list_screens()) == 2


@pytest.mark.parametrize("session", ["x11", "wayland"])
def test_a_display_that_cannot_be_captured_is_refused(desktop, monkeypatch, session):
    monkeypatch.setenv("XDG_SESSION_TYPE", session)
    desktop.failing = True
    with pytest.raises(UsageError, match="Wayland" if session == "wayland" else "went away"):
        open_source("screen", WANTED)
    assert list_screens() == []
    assert desktop.closed


def test_a_display_that_goes_away_is_lost(clock):
    grabber = FakeGrabber()
    source = ScreenSource(grabber, "", WANTED, clock, lambda: grabber.monitors)
    source.read()
    grabber.failing = True
    with pytest.raises(SourceLost, match="screen 2 cannot be captured: the display went away"):
        source.read()


def test_a_display_that_breaks_off_as_x_does_is_lost_and_closed_once(clock):
    """mss then fails an assertion when it grabs, and again when it closes."""
    grabber = FakeGrabber()
    source = ScreenSource(grabber, "", WANTED, clock, lambda: grabber.monitors)

    def broken(_monitor):
        raise AssertionError

    def close():
        grabber.closed += 1
        raise ScreenShotError("Connection to X server closed")

    grabber.grab, grabber.close = broken, close
    with pytest.raises(SourceLost, match="the connection to the display broke"):
        source.read()
    source.close()
    source.close()
    assert grabber.closed == 1


def test_a_display_that_changes_its_size_is_opened_anew(clock):
    grabber = FakeGrabber()
    source = ScreenSource(grabber, "", WANTED, clock, lambda: grabber.monitors)
    source.read()
    grabber.scale = 2
    with pytest.raises(SourceLost, match="changed its size"):
        source.read()


def see(source, seconds):
    """Read for this long; the monitors are looked at every second."""
    for _ in range(round(seconds * WANTED.fps)):
        assert source.read() is not None


LARGER = {"left": 0, "top": 0, "width": 128, "height": 96, "is_primary": True}
MOVED = {"left": 8, "top": 0, "width": 96, "height": 72, "is_primary": True}


@pytest.mark.parametrize("monitor", [LARGER, MOVED])
def test_a_monitor_that_grows_or_moves_is_opened_anew(clock, monitor):
    """Though what was captured of it until now still can be."""
    grabber = FakeGrabber()
    now = list(grabber.monitors)
    source = ScreenSource(grabber, "2", WANTED, clock, lambda: now)
    see(source, seconds=2.5)
    now[2] = monitor
    with pytest.raises(SourceLost, match="screen 2 changed its size or place"):
        see(source, seconds=1.1)


def test_a_monitor_that_is_unplugged_is_lost(clock):
    grabber = FakeGrabber()
    source = ScreenSource(grabber, "2", WANTED, clock, lambda: grabber.monitors[:2])
    with pytest.raises(SourceLost, match=r"screen 2 cannot be captured: there is no monitor 2\."):
        see(source, seconds=1.1)


def test_a_region_is_captured_on_whatever_becomes_of_the_monitors(clock):
    grabber = FakeGrabber()
    desktop = {"left": 0, "top": 0, "width": 40, "height": 30}
    source = ScreenSource(grabber, "10,5,30,20", WANTED, clock, lambda: [desktop])
    see(source, seconds=2.5)
    desktop["width"] = 39
    with pytest.raises(SourceLost, match="is not on the screen"):
        see(source, seconds=1.1)


def test_slow_captures_skip_ticks_and_stay_in_phase(clock):
    grabber = FakeGrabber()
    source = ScreenSource(grabber, "", WANTED, clock, lambda: grabber.monitors)
    grab = grabber.grab

    def slowly(monitor):
        clock.time += 0.13
        return grab(monitor)

    grabber.grab = slowly
    times = [source.read().captured_at for _ in range(6)]
    assert np.diff(times) == pytest.approx([0.13] + [0.17, 0.13] * 2, abs=0.11)
    assert times[-1] - times[0] <= 6 * 0.2 + 1e-6


def test_this_machine_is_described_without_an_error():
    """Whatever it has: a list of screens, or none."""
    for one in screen.list_screens():
        assert one.width > 0
        assert one.number >= 1
