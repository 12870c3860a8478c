"""The virtual camera sink, with pyvirtualcam's camera replaced."""

from __future__ import annotations

import sys

import pytest
from foreign_systems import Kernel

from streamcam.errors import SinkFailed, UsageError
from streamcam.sink import Format, virtualcam
from streamcam.sink.virtualcam import VirtualCamera, devices, open_sink, taken
from streamcam.sink.virtualcam.devices import VirtualDevice, how_to_get_one, list_devices

FORM = Format(48, 32, 30)
STUCK = "'v4l2loopback' backend: Device /dev/video10 is not a video output device."


@pytest.mark.parametrize("pixel_format", ["I420", "UYVY", "RGBA"])
def test_the_camera_shows_the_colours(pixel_format, frames, make_camera, same_colours):
    camera = make_camera(pixel_format)
    sink = VirtualCamera(camera, pixel_format, FORM)
    assert sink.label == f"virtual camera /dev/video10 ({pixel_format})"
    made = frames(48, 32, 6)
    for frame in made:
        sink.write(frame)
    for shown, frame in zip(camera.shown, made, strict=True):
        same_colours(shown, frame.pixels)
    assert len(camera.buffers) == 1  # no picture costs memory


@pytest.mark.parametrize(
    ("platform", "pairs"),
    [
        ("linux", [("v4l2loopback", "I420")]),
        ("darwin", [("obs", "UYVY")]),
        ("win32", [("obs", "I420"), ("unitycapture", "RGBA")]),
        ("plan9", []),
    ],
)
def test_each_backend_gets_the_format_it_passes_on(machine, camera, platform, pairs):
    machine(VirtualDevice("/dev/video10", "streamcam"))
    opener = Opener(camera, **{"/dev/video10": "no", "obs": "no", "unitycapture": "no"})
    with pytest.raises(UsageError):
        open_sink("", FORM, opener, platform)
    assert [pair[:2] for pair in opener.asked] == pairs


@pytest.mark.parametrize("error", [RuntimeError("Stream does not exist."), OSError("gone")])
def test_a_camera_that_takes_no_pictures_any_more(camera, frames, error):
    sink = VirtualCamera(camera, "I420", FORM)
    camera.error = error
    with pytest.raises(SinkFailed, match=f"/dev/video10.*{error}"):
        sink.write(frames(48, 32, 1)[0])
    sink.close()
    sink.close()
    assert camera.closed == 1


@pytest.fixture
def machine(monkeypatch):
    """A function that sets which virtual cameras this machine has."""

    def has(*devices):
        monkeypatch.setattr(virtualcam, "list_devices", lambda: list(devices))

    return has


class Opener:
    """Opens fake cameras, except those with a reason not to."""

    def __init__(self, camera, **reasons):
        self.camera = camera
        self.reasons = reasons
        self.asked = []

    def __call__(self, backend, pixel_format, device, form):
        self.asked.append((backend, pixel_format, device))
        reason = self.reasons.get(device or backend)
        if reason:
            raise RuntimeError(reason.pop(0) if isinstance(reason, list) else reason)
        self.camera.device = device or "OBS Virtual Camera"
        return self.camera


LOOPBACKS = [VirtualDevice("/dev/video10", "streamcam"), VirtualDevice("/dev/video11", "second")]


@pytest.mark.parametrize(
    ("argument", "opened"),
    [("", "/dev/video10"), ("/dev/video11", "/dev/video11"), ("second", "/dev/video11")],
)
def test_linux_opens_by_path_by_label_or_the_first(machine, camera, argument, opened):
    machine(*LOOPBACKS)
    sink = open_sink(argument, FORM, Opener(camera), "linux")
    assert sink.label == f"virtual camera {opened} (I420)"


def test_a_device_that_is_taken_is_passed_over(machine, camera):
    machine(*LOOPBACKS)
    opener = Opener(camera, **{"/dev/video10": "Device or resource busy"})
    assert "/dev/video11" in open_sink("", FORM, opener, "linux").label


@pytest.mark.parametrize("argument", ["/dev/video10", "streamcam"])
def test_a_device_that_another_program_sends_to_is_never_opened(
    machine, camera, monkeypatch, argument
):
    """v4l2loopback 0.12 would show both programs' pictures in turns."""
    machine(*LOOPBACKS)
    taken = "/dev/video10 is taken: another program sends pictures to it"
    monkeypatch.setattr(
        virtualcam, "loopback_obstacle", lambda path, form: taken if path == "/dev/video10" else ""
    )
    opener = Opener(camera)
    with pytest.raises(UsageError, match=taken):
        open_sink(argument, FORM, opener, "linux")
    assert opener.asked == []
    assert open_sink("", FORM, opener, "linux").label == (
        f"virtual camera /dev/video11 (I420), as {taken}"
    )


def test_a_link_to_a_device_is_followed(machine, camera, tmp_path):
    device = tmp_path.resolve() / "video10"
    device.touch()
    link = tmp_path / "by-path"
    link.symlink_to(device)
    machine(VirtualDevice(str(device), "streamcam"))
    assert f"virtual camera {device} " in open_sink(str(link), FORM, Opener(camera), "linux").label


def test_a_device_is_claimed_with_a_black_picture(machine, camera):
    """Until the engine is there, which takes seconds, other writers would find it free."""
    machine(*LOOPBACKS)
    open_sink("", FORM, Opener(camera), "linux")
    (picture,) = camera.shown
    assert picture.shape == (32, 48, 3)
    assert picture.max() < 4


@pytest.mark.parametrize("argument", ["", "OBS Virtual Camera"])
def test_obs_s_camera_is_left_to_obs_while_it_sends_there(machine, camera, monkeypatch, argument):
    kernel = Kernel({"OBSVirtualCamVideo"})
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(taken, "_kernel32", lambda: kernel)
    machine(VirtualDevice(devices.OBS, devices.OBS))
    absent = "No camera registered with this name."
    opener = Opener(camera, **{"unitycapture": absent, devices.OBS: absent})
    with pytest.raises(
        UsageError, match=r'OBS Virtual Camera is taken: press "Stop Virtual Camera"'
    ):
        open_sink(argument, FORM, opener, "win32")
    assert [backend for backend, _, _ in opener.asked] == ["unitycapture"]
    assert kernel.open == 0, "a handle would keep OBS's memory"


def test_the_other_camera_of_two_says_why_it_was_taken(machine, camera, monkeypatch):
    monkeypatch.setattr(virtualcam, "is_taken", lambda path: path == devices.OBS)
    machine(
        VirtualDevice(devices.OBS, devices.OBS),
        VirtualDevice("Unity Video Capture", "Unity Video Capture"),
    )
    label = open_sink("", FORM, Opener(camera), "win32").label
    assert "(RGBA), as OBS Virtual Camera is taken" in label


def test_nobody_can_tell_of_unity_s_camera_or_a_mac_s(monkeypatch):
    monkeypatch.setattr(taken, "_kernel32", lambda: Kernel(set()))
    monkeypatch.setattr(sys, "platform", "win32")
    assert not taken.is_taken(devices.OBS)
    assert not taken.is_taken("Unity Video Capture")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not taken.is_taken(devices.OBS)


def test_windows_tries_obs_and_then_unity_capture(machine, camera):
    machine(VirtualDevice("Unity Video Capture", "Unity Video Capture"))
    opener = Opener(camera, obs="OBS Virtual Camera device not found!")
    assert open_sink("", FORM, opener, "win32").label.endswith("(RGBA)")
    assert [(backend, device) for backend, _, device in opener.asked] == [
        ("obs", None),
        ("unitycapture", None),
    ]


def test_a_stuck_device_is_revived_once(machine, camera, monkeypatch):
    machine(*LOOPBACKS)
    revived = []
    monkeypatch.setattr(virtualcam, "revive", lambda path: not revived.append(path))
    opener = Opener(camera, **{"/dev/video10": [STUCK]})  # the second time it opens
    assert "/dev/video10" in open_sink("", FORM, opener, "linux").label
    assert revived == ["/dev/video10"]


def test_a_real_camera_is_never_touched(machine, camera, monkeypatch):
    machine(*LOOPBACKS)
    monkeypatch.setattr(virtualcam, "revive", lambda path: pytest.fail(path))
    opener = Opener(camera, **{"/dev/video0": STUCK})
    with pytest.raises(UsageError, match=r"no virtual camera '/dev/video0'; this machine has"):
        open_sink("/dev/video0", FORM, opener, "linux")


def test_when_none_can_be_opened_every_reason_is_given(machine, camera):
    machine(*LOOPBACKS)
    opener = Opener(camera, **{"/dev/video10": "busy\nnow", "/dev/video11": "no permission"})
    with pytest.raises(UsageError, match="busy now; no permission"):
        open_sink("", FORM, opener, "linux")


@pytest.mark.parametrize("argument", ["", "/dev/video10"])
def test_without_a_device_the_way_to_get_one_is_named(machine, camera, argument):
    machine()
    opener = Opener(camera, **{"/dev/video10": "Device /dev/video10 does not exist."})
    with pytest.raises(UsageError) as caught:
        open_sink(argument, FORM, opener, "linux")
    assert str(caught.value).startswith("there is no virtual camera")
    assert str(caught.value).endswith(how_to_get_one())
    assert "\n" not in str(caught.value)


def test_odd_sizes_are_refused(machine, camera):
    machine(*LOOPBACKS)
    with pytest.raises(UsageError, match=r'\[output\]: size = "640x480"'):
        open_sink("", Format(641, 481, 30), Opener(camera), "linux")


@pytest.mark.parametrize(
    ("platform", "release", "modules", "expected"),
    [
        ("linux", {"ID": "ubuntu", "ID_LIKE": "debian"}, "", "sudo apt install v4l2loopback-dkms"),
        ("linux", {"ID": "fedora"}, "", "sudo dnf install v4l2loopback"),
        ("linux", {"ID": "manjaro", "ID_LIKE": "arch"}, "", "sudo pacman -S v4l2loopback-dkms"),
        ("linux", {"ID": "ubuntu"}, "updates/dkms/v4l2loopback.ko:", "sudo modprobe v4l2loopback"),
        ("win32", {}, "", "install OBS Studio"),
        ("darwin", {}, "", "install OBS Studio 30"),
    ],
)
def test_the_command_fits_the_machine(monkeypatch, platform, release, modules, expected):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(devices.platform, "freedesktop_os_release", lambda: release)
    monkeypatch.setattr(devices, "_module_installed", lambda: "v4l2loopback" in modules)
    said = how_to_get_one()
    assert said.startswith(expected)
    if platform == "linux":
        assert said.endswith(
            "sudo modprobe v4l2loopback devices=1 card_label=streamcam exclusive_caps=1"
        )


def test_loopback_devices_are_told_from_cameras(tmp_path):
    for name, label, loopback in [
        ("video2", "HD Webcam", False),
        ("video11", "second", True),
        ("video9", "streamcam", True),
    ]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "name").write_text(f"{label}\n")
        if loopback:
            (tmp_path / name / "max_openers").write_text("10\n")
    assert devices._loopbacks(tmp_path) == [
        VirtualDevice("/dev/video9", "streamcam"),
        VirtualDevice("/dev/video11", "second"),
    ]


def test_this_machine_can_be_asked():
    assert all(isinstance(device, VirtualDevice) for device in list_devices())


def test_no_device_is_invented(tmp_path):
    assert devices._loopbacks(tmp_path / "nothing") == []


def test_it_knows_whether_somebody_reads_the_device(tmp_path, make_camera):
    device = tmp_path / "video10"
    device.write_bytes(b"")
    sink = VirtualCamera(make_camera(device=str(device)), "I420", FORM)
    assert not sink.watched
    with device.open("rb"):
        assert sink.watched
    assert not sink.watched
    sink.close()
    assert sink.watched, "what cannot be told counts as watched"


def test_it_is_opened_again_as_itself_and_as_no_other(camera):
    assert VirtualCamera(camera, "I420", FORM).reopen_as == "virtualcam:/dev/video10"
