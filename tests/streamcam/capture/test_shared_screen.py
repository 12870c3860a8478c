"""The source `screen` on Wayland, once the desktop shares a screen, and what comes before."""

import sys
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("jeepney", reason="portals are a thing of Linux")

from fake_desktop import BLUE, GREEN, LARGER, RED, FakeCast, FakePictures

from streamcam.capture import Wanted, open_source
from streamcam.capture.screen import is_shared, shared, wayland
from streamcam.capture.screen.portal import Failed, NoPortal, Refused, Shared
from streamcam.capture.screen.shared import Consent, SharedScreen
from streamcam.errors import SourceLost, SourceRefused, UsageError
from streamcam.pipewire import pods
from streamcam.pipewire.stream import Broken, Unreachable

WANTED = Wanted(fps=10)


@pytest.fixture
def consent(tmp_path):
    return Consent("", tmp_path / "state")


@pytest.fixture
def cast():
    return FakeCast()


def opened(cast, pictures, consent, clock, argument=""):
    return SharedScreen((cast, pictures, consent), argument, WANTED, clock)


# -- pictures ------------------------------------------------------------------------------------


def test_the_last_picture_is_repeated_while_nothing_changes(cast, consent, clock):
    source = opened(cast, pictures := FakePictures(), consent, clock)
    assert source.read() is None  # the desktop has sent none yet
    pictures.waiting.extend([GREEN])
    frames = [source.read() for _ in range(4)]
    pictures.waiting.extend([BLUE])
    frames.append(source.read())
    assert [frame.pixels[0, 0].tolist() for frame in frames] == [list(GREEN)] * 4 + [list(BLUE)]
    assert [frame.seq for frame in frames] == list(range(5))
    times = [frame.captured_at for frame in frames]
    assert [later - earlier for earlier, later in pairwise(times)] == pytest.approx([0.1] * 4)
    assert np.array_equal(frames[0].pixels[0, 0], GREEN)  # it was not drawn over


@pytest.mark.parametrize(
    ("argument", "label", "size"),
    [
        ("", "the shared screen, 64x48 at 10 fps", (64, 48)),
        ("2", "the screen chosen for screen:2, 64x48 at 10 fps", (64, 48)),
        ("10,8,54,40", "shared screen region 10,8, 54x40 at 10 fps", (54, 40)),
        ("0, 0, 64, 48", "shared screen region 0,0, 64x48 at 10 fps", (64, 48)),
    ],
)
def test_what_was_asked_for(cast, consent, clock, argument, label, size):
    source = opened(cast, FakePictures(LARGER, RED), consent, clock, argument)
    assert source.label == label
    assert source.read().size == size


@pytest.mark.parametrize("region", ["11,8,54,40", "10,9,54,40", "-1,0,9,9", "0,-1,9,9", "0,0,0,9"])
def test_a_region_that_is_not_on_the_screen_is_refused(cast, consent, clock, region):
    with pytest.raises(UsageError, match=rf"region {region} .* which has 64x48 pixels"):
        opened(cast, FakePictures(), consent, clock, region)


def test_another_resolution_goes_on_at_once(cast, consent, clock):
    source = opened(cast, pictures := FakePictures(LARGER, RED), consent, clock)
    frames = [source.read()]
    pictures.video = pods.Video(pods.BGRX, 30, 50)
    frames.append(source.read())  # nothing has come yet: the last picture still shows
    pictures.waiting.append(GREEN)
    frames += [source.read(), source.read()]
    assert [frame.size for frame in frames] == [(64, 48)] * 2 + [(30, 50)] * 2
    assert (source.width, source.height) == (30, 50)
    assert [frame.seq for frame in frames] == list(range(4))
    assert np.array_equal(frames[0].pixels[0, 0], RED)
    assert np.array_equal(frames[3].pixels[-1, -1], GREEN)


def test_a_region_stays_where_it_is_in_another_resolution_if_it_can(cast, consent, clock):
    source = opened(cast, pictures := FakePictures(LARGER, RED), consent, clock, "10,8,20,16")
    source.read()
    pictures.video = pods.Video(pods.BGRX, 30, 50)
    pictures.waiting.append(GREEN)
    assert source.read().size == (20, 16)
    pictures.video = pods.Video(pods.BGRX, 29, 50)
    pictures.waiting.append(GREEN)
    with pytest.raises(SourceLost, match=r"region 10,8 is lost: .* shared, which has 29x50 pixels"):
        source.read()


# -- losses --------------------------------------------------------------------------------------


def test_a_screen_that_is_lost_may_come_back_without_a_question(cast, consent, clock):
    consent.keep("agreed")
    pictures = FakePictures(LARGER, RED, Broken("connection error"))
    source = opened(cast, pictures, consent, clock)
    source.read()
    with pytest.raises(SourceLost, match="the shared screen is lost: connection error"):
        source.read()
    assert consent.token() == "agreed"
    source.close()
    assert (cast.closed, pictures.closed) == (1, 1)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError(99), "KeyError: 99"),
        (ValueError("NULL pointer access"), "ValueError: NULL pointer access"),
        (OSError(5, "Input/output error"), r"OSError: \[Errno 5\] Input/output error"),
    ],
)
def test_whatever_pipewire_raises_is_a_lost_source(cast, consent, clock, error, said):
    pictures = FakePictures(LARGER, RED, error)
    source = opened(cast, pictures, consent, clock)
    source.read()
    with pytest.raises(SourceLost, match=f"^the shared screen is lost: {said}$"):
        source.read()

    def close():
        raise error

    pictures.close = close
    source.close()
    assert cast.closed == 1


@pytest.mark.parametrize("news", ["over", "late"])
def test_a_screen_whose_user_ended_it_is_asked_for_again(cast, consent, clock, news):
    """Also if the pictures end before the bus says why."""
    consent.keep("agreed")
    pictures = FakePictures(LARGER, RED, Broken("the connection broke"))
    source = opened(cast, pictures, consent, clock)
    source.read()
    setattr(cast, news, True)
    with pytest.raises(SourceLost, match="the shared screen is not shared any more"):
        source.read()
    assert consent.token() == ""


# -- consent -------------------------------------------------------------------------------------


def test_consent_is_kept_for_the_user_alone_and_for_each_number(tmp_path):
    first, second = Consent("", tmp_path / "a" / "b"), Consent("2", tmp_path / "a" / "b")
    assert first.token() == ""
    first.keep("one")
    second.keep("two")
    first.keep("three")
    assert (first.token(), second.token()) == ("three", "two")
    files = sorted((tmp_path / "a" / "b").iterdir())
    assert [file.name for file in files] == ["screen-2.token", "screen.token"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    first.keep("")
    assert Consent("", tmp_path / "a" / "b").token() == ""


def test_consent_that_is_damaged_is_asked_for_again(consent):
    consent.keep("agreed")
    consent._file.write_bytes(b"\xff\xfe")
    assert consent.token() == ""


def test_consent_that_cannot_be_kept_is_asked_for_again(tmp_path):
    (tmp_path / "file").touch()
    consent = Consent("", tmp_path / "file")
    consent.keep("one")
    assert consent.token() == ""


# -- opening -------------------------------------------------------------------------------------


class Desktop:
    """Stands in for the portal's `ScreenCast` and for `ScreenStream`."""

    def __init__(self):
        self.cast, self.pictures = FakeCast(), FakePictures()
        self.shown = []
        self.error = None
        self.cast.share, self.cast.remote = self.share, lambda: 7

    def share(self, token):
        self.shown.append(token)
        if isinstance(self.error, (Failed, Refused)):
            raise self.error
        return Shared(42, f"token {len(self.shown)}")

    def stream(self, library, remote, node, fps):
        assert (remote, node, fps) == (7, 42, 10)
        if self.error:
            raise self.error
        return self.pictures


@pytest.fixture
def desktop(monkeypatch, tmp_path):
    made = Desktop()
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_SESSION_TYPE", "wayland")
    monkeypatch.setattr("streamcam.capture.screen.portal_obstacle", lambda: None)
    monkeypatch.setattr(shared, "user_state_path", lambda *_, **__: tmp_path)
    monkeypatch.setattr(shared, "ScreenCast", lambda: made.cast)
    monkeypatch.setattr(shared, "ScreenStream", made.stream)
    monkeypatch.setattr("streamcam.pipewire.library.load", lambda: None)
    return made


def test_the_desktop_asks_once_for_each_number(desktop):
    for choice in ("screen", "screen", "screen:0,0,8,8", "screen:2", "screen:2"):
        open_source(choice, WANTED).close()
    assert desktop.shown == ["", "token 1", "token 2", "", "token 4"]


@pytest.mark.parametrize("argument", ["left", "1,2,3"])
def test_nobody_is_asked_for_what_makes_no_sense(desktop, argument):
    with pytest.raises(UsageError, match=f"screen:{argument} is neither a monitor number nor x"):
        open_source(f"screen:{argument}", WANTED)
    assert desktop.shown == []


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (Refused(), SourceRefused, "the desktop's dialog was answered with no"),
        (Failed("no answer"), UsageError, "portal does not share the screen: no answer"),
        (Unreachable("host is down"), UsageError, "does not deliver it: host is down; to restart"),
        (AttributeError("no pw_init"), UsageError, "cannot be opened: AttributeError: no pw_init$"),
    ],
)
def test_what_goes_wrong_is_said_and_leaves_nothing_shared(desktop, error, kind, text):
    desktop.error = error
    with pytest.raises(kind, match=text):
        open_source("screen", WANTED)
    assert desktop.cast.closed


def test_a_region_that_does_not_fit_leaves_nothing_shared(desktop):
    with pytest.raises(UsageError, match="not on the screen that was shared"):
        open_source("screen:0,0,999,9", WANTED)
    assert (desktop.cast.closed, desktop.pictures.closed) == (1, 1)


# -- whether there is a portal -------------------------------------------------------------------


def test_only_wayland_shares(monkeypatch):
    monkeypatch.setattr("streamcam.capture.screen.portal_obstacle", lambda: None)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("XDG_SESSION_TYPE", "x11")
    assert not is_shared()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert is_shared()


@pytest.mark.parametrize(
    ("desktop_name", "package"),
    [
        ("ubuntu:GNOME", "xdg-desktop-portal-gnome, then log out"),
        ("KDE", "xdg-desktop-portal-kde, then log out"),
        ("sway", "xdg-desktop-portal-wlr, then log out"),
        ("Hyprland", "xdg-desktop-portal-hyprland, then log out"),
        ("niri", "-kde, -hyprland or (sway and its like) -wlr, then log out"),
    ],
)
def test_without_a_portal_the_package_of_this_desktop_is_named(monkeypatch, desktop_name, package):
    def missing():
        raise NoPortal("no desktop portal offers the screen")

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("platform.freedesktop_os_release", lambda: {"ID": "fedora"})
    monkeypatch.setattr("streamcam.pipewire.library.load", lambda: None)
    monkeypatch.setattr("streamcam.capture.screen.portal.ScreenCast", missing)
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", desktop_name)
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    text = wayland.no_screen()
    assert "but no desktop portal offers the screen; to have both: sudo dnf install" in text
    assert package in text


def test_without_pipewire_there_is_nothing_to_share(monkeypatch):
    def missing():
        raise OSError("cannot open shared object file")

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("streamcam.pipewire.library.load", missing)
    assert wayland.portal_obstacle() == "libpipewire-0.3.so.0 is not installed"

    def old():
        raise AttributeError("undefined symbol: pw_stream_trigger_process")

    monkeypatch.setattr("streamcam.pipewire.library.load", old)
    assert "cannot be used (AttributeError: undefined symbol: pw_" in wayland.portal_obstacle()
    monkeypatch.setattr(sys, "platform", "freebsd")
    assert wayland.portal_obstacle() == "streamcam knows portals on Linux only"
