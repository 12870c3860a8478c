"""Who may use a camera and who holds it, as each system tells, played by stand-ins."""

import ctypes
import os
import sys
import types
from pathlib import Path
from threading import Event

import pytest
from capture_fakes import FakeClock, FakeDevice
from foreign_systems import Mac, Registry

from streamcam.capture import Wanted, camera
from streamcam.capture.camera import Camera, device, holders, permission
from streamcam.capture.screen import permission as screen_permission
from streamcam.errors import UsageError

DESKTOP = f"{permission.CONSENT}\\NonPackaged"
IN_USE, STOPPED = ({"LastUsedTimeStart": 9, "LastUsedTimeStop": stop} for stop in (0, 11))


@pytest.fixture
def mac(monkeypatch):
    def made(status, answers=None):
        media = Mac(status, answers)
        monkeypatch.setattr(sys, "platform", "darwin")
        monkeypatch.setitem(sys.modules, "AVFoundation", media)
        return media

    return made


@pytest.fixture
def windows(monkeypatch):
    def made(keys):
        monkeypatch.setattr(sys, "platform", "win32")
        monkeypatch.setitem(sys.modules, "winreg", Registry(keys))

    return made


def opens(monkeypatch):
    clock = FakeClock()
    monkeypatch.setattr(camera, "list_cameras", lambda: [Camera(0, "FaceTime", "0x1", "fake")])
    monkeypatch.setattr(camera, "open_device", lambda _index: FakeDevice(clock))
    return camera.open_source("0", Wanted(64, 48))


def test_a_mac_asks_once_and_opens_the_camera_when_its_user_agrees(mac, monkeypatch):
    media = mac(0, answers=True)
    assert permission.is_asked()
    assert opens(monkeypatch).label.startswith('camera 0 "FaceTime"')
    assert opens(monkeypatch).read() is not None
    assert media.questions == 1
    assert not permission.is_asked()


def test_a_mac_that_was_asked_long_ago_is_not_asked_again(mac, monkeypatch):
    media = mac(2)
    with pytest.raises(UsageError, match="macOS does not let this terminal use the camera"):
        opens(monkeypatch)
    assert media.questions == 0


def test_a_question_that_stays_on_the_screen_is_not_waited_for_after_a_stop(mac, monkeypatch):
    media, stop = mac(0), Event()
    stop.set()
    permission.ask(stop)
    assert media.questions == 1


def test_a_question_is_waited_for_a_minute_at_most(mac, monkeypatch):
    media = mac(0)
    times = iter([0.0, 59.0, 60.0, 61.0])
    monkeypatch.setattr(permission, "monotonic", lambda: next(times))
    monkeypatch.setattr(permission, "_POLL_SECONDS", 0.0)
    permission.ask(Event())
    assert media.questions == 1
    with pytest.raises(UsageError, match="macOS asks whether this terminal may use the camera"):
        camera.find("", [])


def test_a_rule_of_the_machine_is_told_from_a_user_s_no(mac):
    mac(1)
    assert "a rule of this Mac" in str(permission.withheld())


def test_where_it_cannot_be_told_nothing_is_claimed(mac, windows, monkeypatch):
    mac(0)
    monkeypatch.setitem(sys.modules, "AVFoundation", types.SimpleNamespace())
    assert permission.withheld() is None
    assert not permission.is_asked()
    windows({})
    assert permission.withheld() is None
    assert holders.holders("") == []


def test_opencv_leaves_the_question_to_us(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delenv("OPENCV_AVFOUNDATION_SKIP_AUTH", raising=False)
    device.open_device(97).release()
    assert os.environ.pop("OPENCV_AVFOUNDATION_SKIP_AUTH") == "1"


@pytest.mark.parametrize(
    ("key", "switch"),
    [
        (("machine", permission.CONSENT), "Camera access"),
        (("user", permission.CONSENT), "Let apps access your camera"),
        (("user", DESKTOP), "Let desktop apps access your camera"),
    ],
)
def test_windows_names_the_switch_that_is_off(windows, key, switch):
    windows({("user", DESKTOP): {"Value": "Allow"}, key: {"Value": "Deny"}})
    assert f'("{switch}" is off)' in str(permission.withheld())


def test_windows_names_the_programs_that_use_a_camera_now(windows, monkeypatch):
    monkeypatch.setattr(sys, "executable", "C:\\streamcam\\python.exe")
    windows(
        {
            ("user", permission.CONSENT): {"Value": "Allow"},
            ("user", DESKTOP): {"Value": "Allow"},
            ("user", f"{DESKTOP}\\C:#Program Files#obs-studio#bin#64bit#obs64.exe"): IN_USE,
            ("user", f"{DESKTOP}\\C:#Zoom#Zoom.exe"): STOPPED,
            ("user", f"{DESKTOP}\\C:#streamcam#python.exe"): IN_USE,
            ("user", f"{permission.CONSENT}\\MSTeams_8wekyb3d8bbwe"): IN_USE,
            ("user", f"{permission.CONSENT}\\Microsoft.WindowsCamera_8wekyb3d8bbwe"): STOPPED,
            ("user", f"{permission.CONSENT}\\Never.Used_8wekyb3d8bbwe"): {"Value": "Allow"},
        }
    )
    assert holders.holders("") == ["MSTeams", "obs64.exe"]


def test_linux_names_the_programs_that_have_the_device_open(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    camera, free = tmp_path / "video0", tmp_path / "video1"
    camera.touch()
    free.touch()
    for pid, name, links in (
        (7, "obs", [camera]),
        (8, "sh", ["/dev/null", free.parent]),
        (9, "x", []),
    ):
        (tmp_path / str(pid) / "fd").mkdir(parents=True)
        (tmp_path / str(pid) / "comm").write_text(f"{name}\n")
        for number, target in enumerate(links):
            (tmp_path / str(pid) / "fd" / str(number)).symlink_to(target)
    (tmp_path / "10").mkdir()  # one that has just ended
    assert holders.holders(str(camera), tmp_path) == ["obs (7)"]
    assert holders.holders(str(free), tmp_path) == []
    assert holders.holders(str(tmp_path / "unplugged"), tmp_path) == []


def test_programs_share_a_camera_on_a_mac(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert holders.holders("0x1", Path("/proc")) == []


@pytest.mark.parametrize("allowed", [True, False])
def test_the_screen_is_asked_for_as_core_graphics_has_it(monkeypatch, allowed):
    """A function of C, without arguments, that gives a C bool."""
    preflight = ctypes.CFUNCTYPE(ctypes.c_bool)(lambda: allowed)
    library = types.SimpleNamespace(CGPreflightScreenCaptureAccess=preflight)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(screen_permission, "_core_graphics", lambda: library)
    assert (screen_permission.withheld() is None) == allowed
    screen_permission.ask()  # an older macOS has no such function


def test_a_screen_that_is_not_a_mac_s_is_never_withheld(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert screen_permission.withheld() is None
