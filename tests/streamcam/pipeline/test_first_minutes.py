"""The first minutes of a stranger: every row of the README's table of what may stop them, on
machines that stand-ins play, in what `doctor` says and in what the first start says."""

import re
import sys
import types
from pathlib import Path
from threading import Event

import cv2
import psutil
import pytest
from capture_fakes import FakeClock, FakeDevice
from fake_world import FakeSource
from foreign_systems import Kernel, Mac, Registry

from streamcam.capture import Wanted, camera, screen
from streamcam.capture.camera import Camera, permission
from streamcam.capture.screen import permission as screen_permission
from streamcam.cli import main
from streamcam.doctor import cameras, engine, machine, screens, virtual_cameras
from streamcam.errors import UsageError
from streamcam.pipeline import auto
from streamcam.sink.virtualcam import devices, taken
from streamcam.sink.virtualcam.devices import VirtualDevice

README = (Path(__file__).parents[3] / "README.md").read_text("utf-8")
WEBCAM = Camera(0, "HD Webcam", "/dev/video0", "fake")
OBS = VirtualDevice("OBS Virtual Camera", "OBS Virtual Camera")
UNITY = VirtualDevice("Unity Video Capture", "Unity Video Capture")


class Stranger:
    """Somebody's machine. `doctor` and `start` collect what the two say."""

    def __init__(self, patch, world):
        self.patch, self.world = patch, world
        self.doctor, self.start = [], []
        patch.setattr(camera, "list_cameras", lambda: [WEBCAM])
        patch.setattr(auto, "list_devices", list)
        patch.setattr(cameras, "real_cameras", lambda: [WEBCAM])

    def on(self, system):
        """Before what is asked of it: a fake device must not meet the real system's calls."""
        self.patch.setattr(sys, "platform", system)
        return self

    def looks(self, module):
        self.doctor += [f"{one.text}: {one.fix}" for one in module.check() if one.fix]

    def starts_with_a_camera(self, opens=False):
        silent = FakeDevice(FakeClock(), opens=opens)
        silent.failing = 10**9
        self.patch.setattr(camera, "open_device", lambda _index: silent)
        with pytest.raises(UsageError) as refused:
            camera.open_source("0", Wanted())
        self.start.append(str(refused.value))

    def starts_for_an_output(self):
        auto.choose_outputs((), self.start.append)

    def runs(self):
        self.world.source = FakeSource(None, pace=0.001)
        self.world.on_say = self.start.append
        self.world.pipeline().start()

    def commands(self, error):
        """Where a library cannot be imported, `doctor` and the start end with the same line."""

        def broken(**_flags):
            raise error

        self.patch.setattr("engines.survey.processors", broken)
        self.patch.setattr(
            "streamcam.cli.get_command", lambda _: types.SimpleNamespace(main=broken)
        )
        self.patch.setattr("streamcam.cli.fail", lambda text, code: self.start.append(text) or code)
        assert main(["--preset", "anime"]) == 2
        self.looks(engine)


@pytest.fixture
def stranger(monkeypatch, world):
    return Stranger(monkeypatch, world)


def mac(stranger, status, answers=None):
    made = Mac(status, answers)
    stranger.on("darwin")
    stranger.patch.setitem(sys.modules, "AVFoundation", made)
    return made


def windows(stranger, keys):
    stranger.on("win32")
    stranger.patch.setitem(sys.modules, "winreg", Registry(keys))


ALLOWED = {
    ("machine", permission.CONSENT): {"Value": "Allow"},
    ("user", permission.CONSENT): {"Value": "Allow"},
    ("user", f"{permission.CONSENT}\\NonPackaged"): {"Value": "Allow"},
}
ZOOM = f"{permission.CONSENT}\\NonPackaged\\C:#Program Files#Zoom#bin#Zoom.exe"


def macos_asks(stranger):
    mac(stranger, 0)
    stranger.looks(cameras)
    assert "at the first start" in stranger.doctor[0], "doctor opens no camera, so nothing asks yet"
    stop = Event()
    stop.set()  # its user thinks it over; the run ends
    with pytest.raises(UsageError) as refused:
        camera.open_source("0", Wanted(stop=stop))
    stranger.start.append(str(refused.value))


def macos_refuses(stranger):
    mac(stranger, 0, answers=False)
    stranger.starts_with_a_camera()
    stranger.looks(cameras)


def macos_hides_the_screen(stranger):
    asked = []
    stranger.on("darwin")
    stranger.patch.setattr(
        screen_permission, "_answered", lambda name: asked.append(name) and False
    )
    stranger.patch.setattr(screen, "is_shared", lambda: False)
    with pytest.raises(UsageError) as refused:
        screen.open_source("", Wanted())
    assert asked == ["CGPreflightScreenCaptureAccess", "CGRequestScreenCaptureAccess"]
    stranger.start.append(str(refused.value))
    stranger.looks(screens)
    assert "CGRequestScreenCaptureAccess" not in asked[2:], "doctor asks nobody"


def windows_refuses(stranger):
    windows(
        stranger, {**ALLOWED, ("user", f"{permission.CONSENT}\\NonPackaged"): {"Value": "Deny"}}
    )
    stranger.starts_with_a_camera()
    stranger.looks(cameras)


def linux_refuses(stranger):
    stranger.on("linux")
    stranger.patch.setattr("os.access", lambda *_: False)

    def no_modes(_path):
        raise PermissionError(13, "Permission denied")

    stranger.patch.setattr(cameras.v4l2, "modes", no_modes)
    stranger.starts_with_a_camera()
    stranger.looks(cameras)


def zoom_holds_it(stranger):
    windows(stranger, {**ALLOWED, ("user", ZOOM): {"LastUsedTimeStart": 9, "LastUsedTimeStop": 0}})
    stranger.starts_with_a_camera()
    stranger.looks(cameras)


def somebody_holds_it(stranger):
    windows(stranger, ALLOWED)
    stranger.starts_with_a_camera(opens=True)


def no_virtual_camera(stranger):
    for system in ("linux", "darwin", "win32"):
        stranger.on(system)
        stranger.patch.setattr(virtual_cameras, "list_devices", list)
        stranger.starts_for_an_output()
        stranger.looks(virtual_cameras)


def two_virtual_cameras(stranger):
    stranger.on("win32")
    for module in (auto, virtual_cameras):
        stranger.patch.setattr(module, "list_devices", lambda: [OBS, UNITY])
        stranger.patch.setattr(module, "is_taken", lambda _path: False)
    stranger.starts_for_an_output()
    stranger.looks(virtual_cameras)


def obs_has_its_own(stranger):
    stranger.on("win32")
    for module in (auto, virtual_cameras):
        stranger.patch.setattr(module, "list_devices", lambda: [OBS])
    stranger.patch.setattr(taken, "_kernel32", lambda: Kernel({"OBSVirtualCamVideo"}))
    stranger.starts_for_an_output()
    stranger.looks(virtual_cameras)


def no_avx2(stranger):
    stranger.patch.setattr("platform.machine", lambda: "AMD64")
    stranger.patch.setattr(cv2, "checkHardwareSupport", lambda _feature: False)
    stranger.runs()
    stranger.looks(machine)


def four_gigabytes(stranger):
    """Of 4 GB a browser and the system have most."""
    memory = types.SimpleNamespace(total=4 * 2**30, available=0.6 * 2**30)
    stranger.patch.setattr(psutil, "virtual_memory", lambda: memory)
    stranger.runs()
    stranger.looks(machine)


def old_processor(stranger):
    said = (
        "NumPy was built with baseline optimizations: \n(X86_V2) but your machine doesn't support"
    )
    stranger.commands(RuntimeError(said))


def no_libgl(stranger):
    stranger.patch.setattr("platform.freedesktop_os_release", lambda: {"ID": "debian"})
    stranger.commands(ImportError("libGL.so.1: cannot open shared object file"))


def no_dll(stranger):
    stranger.commands(ImportError("DLL load failed while importing cv2: The specified module …"))


PLAYED = {
    "macOS asks whether this terminal may use the camera": macos_asks,
    "macOS does not let this terminal use the camera": macos_refuses,
    "macOS does not let this terminal record the screen": macos_hides_the_screen,
    "Windows does not let desktop programs use the camera": windows_refuses,
    "no permission for /dev/video0": linux_refuses,
    "Zoom.exe uses it": zoom_holds_it,
    "another program seems to use it": somebody_holds_it,
    "there is no virtual camera": no_virtual_camera,
    "the first free one of 2 virtual cameras": two_virtual_cameras,
    "OBS Virtual Camera is taken": obs_has_its_own,
    "this processor has no AVX2": no_avx2,
    "only 0.6 GiB of memory are free": four_gigabytes,
    "this processor is too old": old_processor,
    "OpenCV needs the system library libGL.so.1": no_libgl,
    "Windows lacks a library": no_dll,
}
UNSEEN = {"another program seems to use it"}  # by doctor, which opens no camera


def rows(begin):
    """The two columns of the table that begins so, without their markup."""
    table = README.partition(begin)[2].partition("\n\n")[0]
    cells = [re.split(r" \| ", line.strip("| ")) for line in table.splitlines()[2:]]
    plain = [[re.sub(r"[`*<>]|\[([^]]*)\]\([^)]*\)", r"\1", cell) for cell in row] for row in cells]
    return dict(plain)


TABLE = rows("| it says | do this |")


def test_every_row_is_played_here():
    assert list(TABLE) == list(PLAYED)


@pytest.mark.parametrize("row", PLAYED)
def test_doctor_and_the_first_start_say_what_the_readme_says(stranger, row):
    PLAYED[row](stranger)
    step = TABLE[row] if row != "there is no virtual camera" else ""
    assert any(row in line and step in line for line in stranger.start), stranger.start
    assert row in UNSEEN or any(row in line and step in line for line in stranger.doctor), (
        stranger.doctor
    )
    assert all("\n" not in line for line in (*stranger.start, *stranger.doctor))


@pytest.mark.parametrize(
    ("system", "name"), [("linux", "Linux"), ("win32", "Windows"), ("darwin", "macOS")]
)
def test_the_way_to_a_virtual_camera_is_the_readmes(monkeypatch, system, name):
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(devices.platform, "freedesktop_os_release", lambda: {"ID": "debian"})
    monkeypatch.setattr(devices, "_module_installed", lambda: False)
    step = rows("### Get a virtual camera, once\n")[name]
    said = devices.how_to_get_one().replace(" (https://obsproject.com)", "")
    assert said.startswith(step), (said, step)
