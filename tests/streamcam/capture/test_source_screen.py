from __future__ import annotations

import mss
import numpy as np
import pytest
from capture_fakes import FakeGrabber, FakeShot, red
from mss.exception import ScreenShotError

from streamcam.capture import Wanted, open_source, screen
from streamcam.capture.screen import ScreenSource, list_screens
from streamcam.capture.screen import desktop as desktop_module
from streamcam.capture.screen.monitors import Screen, find
from streamcam.capture.screen.x11 import XFault
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
    monkeypatch.setattr(desktop_module, "XServer", no_server)


def no_server():
    """tests/system has real ones."""
    raise XFault("not here")


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
        ("9" * 5000, "there is no monitor 999"),
        ("1,2,3," + "9" * 5000, "neither"),
        ("²", "neither"),
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
    source = ScreenSource(grabber, "1", WANTED, clock)
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


@pytest.mark.parametrize("bgra", [(0, 0, 0, 255), None], ids=["black", "no picture"])
@pytest.mark.parametrize("told", ["by its monitors", "by its extension"])
def test_xwayland_tells_where_the_environment_does_not(desktop, monkeypatch, bgra, told):
    """After su, in tmux, in a service: there is DISPLAY alone."""
    if told == "by its monitors":
        desktop.monitors[2]["output"] = "XWAYLAND0"
    monkeypatch.setattr(FakeServer, "known", () if "monitors" in told else ("XWAYLAND",))
    desktop.bgra, desktop.failing = bgra, bgra is None
    monkeypatch.setattr(desktop_module, "XServer", lambda: FakeServer())
    assert list_screens() == []
    with pytest.raises(UsageError, match=r"a Wayland session .* start streamcam in a terminal of"):
        open_source("screen", WANTED)
    assert not screen.is_shared()
    monkeypatch.setattr(screen, "portal_obstacle", lambda: None)
    assert screen.is_shared()
    desktop.bgra, desktop.failing = (0, 0, 90, 0), False  # one that lets X programs see
    assert not screen.is_shared()
    assert open_source("screen", WANTED).read().pixels[0, 0].tolist() == [90, 0, 0]


class FakeServer:
    known = ()

    def has(self, extension):
        return extension in self.known

    def pointer(self):
        return None

    def close(self):
        pass


@pytest.mark.parametrize("session", ["x11", "wayland"])
def test_a_display_that_cannot_be_captured_is_refused(desktop, monkeypatch, session):
    monkeypatch.setenv("XDG_SESSION_TYPE", session)
    desktop.failing = True
    with pytest.raises(UsageError, match="Wayland" if session == "wayland" else "went away"):
        open_source("screen", WANTED)
    assert list_screens() == []
    assert desktop.closed


def no_display_any_more():
    raise UsageError("there is no screen here")


def test_a_display_that_goes_away_is_lost(clock):
    grabber = FakeGrabber()
    source = ScreenSource(grabber, "", WANTED, clock, no_display_any_more)
    source.read()
    grabber.failing = True
    with pytest.raises(SourceLost, match="screen 2 cannot be captured: the display went away"):
        source.read()


def test_a_display_that_breaks_off_as_x_does_is_lost_and_closed_once(clock):
    """mss then fails an assertion when it grabs, and again when it closes."""
    grabber = FakeGrabber()
    source = ScreenSource(grabber, "", WANTED, clock, no_display_any_more)

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


def test_a_display_that_changes_its_density_goes_on_in_its_new_size(clock):
    grabber = FakeGrabber()
    source = ScreenSource(grabber, "", WANTED, clock)
    sizes = [source.read().size]
    grabber.scale = 2
    sizes += [source.read().size, source.read().size]
    assert sizes == [(96, 72), (192, 144), (192, 144)]
    assert (source.width, source.height) == (192, 144)


def see(source, seconds):
    """The frames of this long; the monitors are looked at every second."""
    return [source.read() for _ in range(round(seconds * WANTED.fps))]


def place(left, top, width, height):
    return {"left": left, "top": top, "width": width, "height": height}


DESKTOP = place(-64, 0, 192, 96)


@pytest.mark.parametrize(
    "now", [place(0, 0, 128, 96), place(8, 0, 96, 72), place(0, 0, 72, 96), place(-9, 4, 5, 3)]
)
def test_a_monitor_that_grows_turns_or_moves_is_followed_without_a_gap(clock, now):
    """Though what was captured of it until now still could be."""
    grabbers = [FakeGrabber()]
    monitors = grabbers[0].monitors

    def connect():
        grabbers.append(FakeGrabber(monitors))
        return grabbers[-1]

    source = ScreenSource(grabbers[0], "2", WANTED, clock, connect)
    begun = len(see(source, seconds=2.5))
    monitors = [DESKTOP, monitors[1], now]
    frames = see(source, seconds=1.5)
    assert {frame.size for frame in frames[10:]} == {(now["width"], now["height"])}
    assert [frame.seq for frame in frames] == list(range(begun, begun + 15))
    times = [frame.captured_at for frame in frames]
    assert np.diff(times) == pytest.approx([0.1] * 14)
    current = [one for one in grabbers if not one.closed]
    assert len(current) == 1
    assert current[0].grabbed[-1] == now
    source.close()
    assert all(one.closed for one in grabbers)


def test_a_monitor_that_cannot_be_captured_as_it_was_is_followed_at_once(clock):
    """As one that became smaller: X refuses what is outside of it."""
    first, second = FakeGrabber(), FakeGrabber()
    second.monitors = [DESKTOP, first.monitors[1], place(0, 0, 32, 24)]
    source = ScreenSource(first, "2", WANTED, clock, lambda: second)
    source.read()
    first.failing = True
    frame = source.read()
    assert (frame.seq, frame.size) == (1, (32, 24))
    assert first.closed
    second.failing = True
    with pytest.raises(SourceLost, match="screen 2 cannot be captured: the display went away"):
        source.read()


def test_a_look_that_fails_is_not_the_end_while_there_are_pictures(clock):
    def connect():
        raise UsageError("Display configuration changed while detecting monitors.")

    source = ScreenSource(FakeGrabber(), "2", WANTED, clock, connect)
    assert None not in see(source, seconds=3)


def test_a_monitor_that_is_unplugged_is_lost(clock):
    grabber = FakeGrabber()
    left = FakeGrabber(grabber.monitors[:2])
    source = ScreenSource(grabber, "2", WANTED, clock, lambda: left)
    with pytest.raises(SourceLost, match=r"screen 2 cannot be captured: there is no monitor 2\."):
        see(source, seconds=1.1)
    assert left.closed


def test_a_region_is_captured_on_whatever_becomes_of_the_monitors(clock):
    desktop = place(0, 0, 40, 30)
    source = ScreenSource(
        FakeGrabber(), "10,5,30,20", WANTED, clock, lambda: FakeGrabber([desktop])
    )
    see(source, seconds=2.5)
    desktop["width"] = 39
    with pytest.raises(SourceLost, match="is not on the screen"):
        see(source, seconds=1.1)


WHATEVER = [
    (ScreenShotError("no reply"), "no reply"),
    (AssertionError(), "the connection to the display broke"),
    (AttributeError("display"), "AttributeError: display"),
    (OSError(5, "Input/output error"), r"OSError: \[Errno 5\] Input/output error"),
    (ValueError("two\nlines"), "ValueError: two lines"),
    (MemoryError(), "MemoryError"),
    (RecursionError(), "RecursionError"),
]


@pytest.mark.parametrize(("error", "said"), WHATEVER)
def test_whatever_a_picture_raises_is_a_lost_source(clock, error, said):
    grabber = FakeGrabber()
    source = ScreenSource(grabber, "", WANTED, clock, lambda: FakeGrabber())
    grabber.grab = raising(error)
    with pytest.raises(SourceLost, match=f"^screen 2 cannot be captured: {said}$"):
        source.read()
    grabber.close = raising(error)
    source.close()


@pytest.mark.parametrize(("error", "said"), WHATEVER)
def test_whatever_opening_raises_is_one_line(desktop, monkeypatch, error, said):
    desktop.grab = raising(error)
    with pytest.raises(
        UsageError, match=rf"the screen cannot be captured \({said}\): use --source"
    ):
        open_source("screen", WANTED)
    assert desktop.closed
    monkeypatch.setattr(mss, "MSS", raising(error))
    with pytest.raises(UsageError, match=rf"there is no screen here \({said}\): use --source"):
        open_source("screen", WANTED)
    assert list_screens() == []


@pytest.mark.parametrize("size", [(96, 71), (97, 72), (0, 0)])
def test_a_picture_that_is_not_all_there_is_none(desktop, clock, size):
    whole = desktop.grab(place(0, 0, 96, 72))
    desktop.grab = lambda _box: FakeShot(whole.raw, *size)
    with pytest.raises(UsageError, match=r"cannot be captured \(ValueError: .*\): use --source"):
        open_source("screen", WANTED)
    grabber = FakeGrabber()
    source = ScreenSource(grabber, "", WANTED, clock, FakeGrabber)
    grabber.grab = desktop.grab
    with pytest.raises(SourceLost, match="screen 2 cannot be captured: ValueError: "):
        source.read()


def test_a_desktop_without_any_monitor_is_none(desktop):
    desktop.monitors = []
    with pytest.raises(UsageError, match=r"there is no screen here \(it has no monitors\): use"):
        open_source("screen", WANTED)
    assert list_screens() == []


def raising(error):
    def fail(*_):
        raise error

    return fail


def test_the_pointer_is_in_the_picture_and_what_it_raises_is_a_loss(clock):
    grabber = FakeGrabber()
    source = ScreenSource(grabber, "", WANTED, clock, FakeGrabber)
    assert source.read().pixels[0, 0].tolist() == list(red(2))
    grabber.pointing = True
    pixels = source.read().pixels
    assert (pixels[0, 0].tolist(), pixels[0, 1].tolist()) == ([20, 30, 200], list(red(3)))
    grabber.point = raising(XFault("the connection to the display broke"))
    with pytest.raises(SourceLost, match="cannot be captured: the connection to the display broke"):
        source.read()


def test_a_screen_that_is_black_from_the_start_is_said_until_it_is_not(clock):
    grabber = FakeGrabber(bgra=(0, 0, 0, 255))
    grabber.pointing = True  # it shows on a black desktop, too
    source = ScreenSource(grabber, "", WANTED, clock, FakeGrabber)
    notices = []
    for _ in range(20):
        assert source.read().pixels[0, 0].tolist() == [20, 30, 200]
        notices.append(source.notice)
    assert notices[:8] == [""] * 8
    assert notices[-1].startswith("screen 2 is black all over: wake or unlock it, or take another")
    grabber.bgra = (0, 0, 1, 255)
    source.read()
    assert source.notice == ""
    grabber.bgra = (0, 0, 0, 255)  # a dark scene, later on
    see(source, seconds=5)
    assert source.notice == ""


def test_a_picture_within_the_first_second_is_no_black_screen(clock):
    grabber = FakeGrabber(bgra=(0, 0, 0, 255))
    source = ScreenSource(grabber, "", WANTED, clock, FakeGrabber)
    see(source, seconds=0.5)
    grabber.bgra = None
    see(source, seconds=3)
    assert source.notice == ""


def test_slow_captures_skip_ticks_and_stay_in_phase(clock):
    grabber = FakeGrabber()
    source = ScreenSource(grabber, "", WANTED, clock)
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
