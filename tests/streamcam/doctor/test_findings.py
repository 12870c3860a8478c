"""What the doctor makes of machines: this one, and ones that stand-ins describe."""

import json
import os
import socket
import stat
import sys
import zipfile

import pytest

from engines import survey
from engines.errors import ModelUnavailable
from engines.survey import NvidiaCard
from streamcam.capture.camera import Camera
from streamcam.capture.screen import Screen
from streamcam.doctor import (
    Finding,
    bundle,
    cameras,
    engine,
    examine,
    healthy,
    machine,
    pipewire,
    programs,
    screens,
    v4l2,
    virtual_cameras,
)
from streamcam.errors import UsageError
from streamcam.obs.server import FoundObs, ObsServer
from streamcam.obstacles import Obstacle
from streamcam.provision import limits
from streamcam.sink.virtualcam.devices import VirtualDevice
from streamcam.web.runtime import Running

FREE, STUCK = v4l2.CAN_OUTPUT, 0
WRITTEN, OPEN = v4l2.CAN_CAPTURE, v4l2.CAN_CAPTURE | v4l2.CAN_OUTPUT


def raising(error):
    def call(*_arguments, **_options):
        raise error

    return call


def by_name(findings):
    return {one.name: one for one in findings}


def test_this_machine():
    findings = examine()
    found = by_name(findings)
    assert found["embedded model"].state == "ok"
    assert found["OpenVINO CPU"].state == "ok"
    assert all(one.text for one in findings)
    assert all(one.fix for one in findings if one.state == "problem")


def test_a_check_that_fails_is_a_finding_and_the_others_go_on(monkeypatch):
    monkeypatch.setattr(machine, "check", raising(ZeroDivisionError("odd")))
    machine.check.__module__ = "streamcam.doctor.machine"
    first, *others = examine()
    assert (first.topic, first.state) == ("machine", "note")
    assert first.text == "failed: ZeroDivisionError: odd"
    assert by_name(others)["embedded model"].state == "ok"


def test_only_a_problem_is_unhealthy():
    fine, note, problem = (Finding("a", "b", s, "c") for s in ("ok", "note", "problem"))
    assert healthy([fine, note])
    assert not healthy([fine, problem])


def test_little_memory_and_disk(monkeypatch):
    monkeypatch.setattr(limits, "_ENOUGH", 1e9)
    monkeypatch.setattr(machine, "_DISK", 1e9)
    found = by_name(machine.check())
    assert found["memory"].state == found["disk"].state == "note"
    assert "streamcam build --clean" in found["disk"].fix


# -- engine --------------------------------------------------------------------------------------


def test_a_broken_installation(monkeypatch):
    error = ModelUnavailable("model nano: unet/config.json is missing.")
    monkeypatch.setattr(survey, "embedded_model", raising(error))
    monkeypatch.setattr(survey, "processors", raising(ImportError("libtbb.so")))
    found = by_name(engine.check())
    assert found["embedded model"].state == found["OpenVINO"].state == "problem"
    assert "unet/config.json" in found["embedded model"].text
    assert "libtbb.so" in found["OpenVINO"].text


def nvidia_smi(folder, output, code=0):
    """A driver's own program, as it would answer."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{output}\nEND\nexit {code}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


def test_cards_as_their_driver_describes_them(tmp_path):
    lines = (
        "0, GPU-1a, NVIDIA H200, 580.159.04, 143771, 12, 9.0\n"
        "1, GPU-2b, NVIDIA Odd, 580.1, [N/A], [N/A], 7.5"
    )
    assert survey.nvidia_cards(nvidia_smi(tmp_path, lines)) == [
        NvidiaCard("NVIDIA H200", "580.159.04", 143771, 12, "9.0", 0, "GPU-1a"),
        NvidiaCard("NVIDIA Odd", "580.1", 0, 0, "7.5", 1, "GPU-2b"),
    ]
    assert survey.nvidia_cards(str(tmp_path / "none")) == []


def test_a_driver_that_does_not_match_its_module(tmp_path, monkeypatch):
    said = "Failed to initialize NVML: Driver/library version mismatch"
    program = nvidia_smi(tmp_path, said, code=18)
    with pytest.raises(OSError, match="version mismatch"):
        survey.nvidia_cards(program)
    monkeypatch.setattr(survey, "nvidia_cards", raising(OSError(said)))
    found = by_name(engine.check())["NVIDIA"]
    assert found.state == "note"
    assert said in found.text


def test_a_driver_that_hangs(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(survey, "_TIMEOUT_SECONDS", 0.2)
    with pytest.raises(OSError, match=r"does not answer within 0\.2 s"):
        survey.nvidia_cards(str(program))


@pytest.mark.parametrize("obstacle", [None, "torch is not installed. Install it: pip install …"])
def test_a_card_that_nothing_uses_says_what_to_install(monkeypatch, obstacle):
    card = NvidiaCard("NVIDIA RTX 4090", "580.1", 24564, 564, "8.9")
    monkeypatch.setattr(survey, "nvidia_cards", lambda: [card])
    monkeypatch.setattr(survey, "nvidia_obstacle", lambda: obstacle)
    found = by_name(engine.check())["NVIDIA RTX 4090"]
    assert "24000 of 24564 MiB free" in found.text
    assert (found.state, found.fix) == (("note", obstacle) if obstacle else ("ok", ""))


@pytest.mark.parametrize(
    "lacking", [None, "torch.compile needs a C compiler: sudo apt install gcc"]
)
def test_a_card_without_a_compiler_says_what_to_install(monkeypatch, lacking):
    card = NvidiaCard("NVIDIA RTX 4090", "580.1", 24564, 564, "8.9")
    monkeypatch.setattr(survey, "nvidia_cards", lambda: [card])
    monkeypatch.setattr(survey, "nvidia_obstacle", lambda: None)
    monkeypatch.setattr(survey, "compiler_obstacle", lambda: lacking)
    found = by_name(engine.check()).get("torch.compile")
    assert (found and (found.state, found.fix)) == (lacking and ("note", lacking))


def test_models_from_the_hub_with_their_size(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "none"))
    assert survey.hub_models() == {}
    monkeypatch.setattr(survey, "hub_models", lambda: {"stabilityai/sd-turbo": 3 * 2**20})
    assert by_name(engine.check())["stabilityai/sd-turbo"].text == "3 MiB, fetched from the hub"


# -- sources -------------------------------------------------------------------------------------


@pytest.fixture
def webcam(monkeypatch):
    listed = [Camera(0, "HD Webcam", "/dev/video0", "V4L2"), Camera(9, "out", "/dev/video9", "")]
    monkeypatch.setattr("streamcam.capture.camera.list_cameras", lambda: listed)
    monkeypatch.setattr(
        "streamcam.pipeline.auto.list_devices", lambda: [VirtualDevice("/dev/video9", "out")]
    )
    modes = [v4l2.Mode("MJPG", 160 * i, 90 * i, 30.0) for i in range(1, 9)]
    monkeypatch.setattr(v4l2, "modes", lambda _: modes)
    monkeypatch.setattr(cameras, "holders", lambda _: [])


def test_a_camera_with_its_modes(webcam):
    (found,) = cameras.check()
    assert (found.name, found.state) == ("camera:0", "ok")
    assert "HD Webcam, /dev/video0: 1280x720 MJPG 30 fps, 1120x630" in found.text
    assert found.text.endswith("and 4 more")


def test_each_size_once_with_its_fastest_format(webcam, monkeypatch):
    modes = [
        v4l2.Mode("YUYV", 1280, 720, 10.0),
        v4l2.Mode("YUYV", 640, 480, 30.0),
        v4l2.Mode("MJPG", 1280, 720, 30.0),
        v4l2.Mode("MJPG", 640, 480, 30.0),
    ]
    monkeypatch.setattr(v4l2, "modes", lambda _: modes)
    (found,) = cameras.check()
    assert found.text.endswith(": 1280x720 MJPG 30 fps, 640x480 YUYV 30 fps")


def test_a_camera_that_a_program_holds(webcam, monkeypatch):
    monkeypatch.setattr(cameras, "holders", lambda _: ["zoom (12)"])
    (found,) = cameras.check()
    assert (found.state, found.fix) == ("note", "close zoom (12), or use --source screen")


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (PermissionError(13, "Permission denied"), "sudo usermod -aG video $USER"),
        (OSError(19, "No such device"), "plug it in again"),
    ],
)
def test_a_camera_that_cannot_be_asked(webcam, monkeypatch, error, fix):
    monkeypatch.setattr(v4l2, "modes", raising(error))
    (found,) = cameras.check()
    assert found.state == "note"
    assert found.fix.startswith(fix)


def test_cameras_that_cannot_be_listed(monkeypatch):
    monkeypatch.setattr(
        "streamcam.capture.camera.list_cameras", raising(UsageError("they cannot be listed"))
    )
    (found,) = cameras.check()
    assert (found.name, found.state, found.text) == ("camera", "note", "they cannot be listed")


def test_a_screen_behind_xwayland_is_named_so(monkeypatch):
    monkeypatch.setattr("streamcam.capture.screen.is_shared", lambda: True)
    monkeypatch.setattr(screens, "is_hidden", lambda: True)
    monkeypatch.setenv("DISPLAY", ":7")
    for name in ("WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
        monkeypatch.delenv(name, raising=False)
    (found,) = screens.check()
    assert found.text.startswith("on Xwayland :7: the desktop portal is there")


def test_screens(monkeypatch):
    one = Screen(1, 0, 0, 1920, 1080, primary=True)
    monkeypatch.setattr("streamcam.capture.screen.visible_screens", lambda: [one])
    monkeypatch.setenv("DISPLAY", ":7")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    (found,) = screens.check()
    assert (found.name, found.state) == ("screen:1", "ok")
    assert found.text == "1920x1080 at 0,0, on X11 :7"


def test_a_screen_that_the_desktop_shares(monkeypatch):
    monkeypatch.setattr("streamcam.capture.screen.is_shared", lambda: True)
    monkeypatch.setenv("XDG_SESSION_TYPE", "wayland")
    (found,) = screens.check()
    assert (found.name, found.state) == ("screen", "ok")
    assert found.text.startswith("on Wayland: the desktop portal is there: it asks which screen")


def test_no_screen_says_why(monkeypatch):
    monkeypatch.setattr(
        "streamcam.capture.screen.visible_screens", raising(UsageError("a Wayland session …"))
    )
    monkeypatch.setattr("streamcam.capture.screen.is_shared", lambda: False)
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    (found,) = screens.check()
    assert (found.state, found.text) == ("note", "on Wayland: a Wayland session …")


# -- virtual cameras -----------------------------------------------------------------------------


def looked_at(monkeypatch, can, holders=()):
    monkeypatch.setattr(
        virtual_cameras, "list_devices", lambda: [VirtualDevice("/dev/video9", "out")]
    )
    asked = raising(can) if isinstance(can, OSError) else lambda _: can | 1 << 24
    monkeypatch.setattr(v4l2, "capabilities", asked)
    monkeypatch.setattr(virtual_cameras, "holders", lambda _: list(holders))
    (found,) = virtual_cameras.check()
    return found


@pytest.mark.parametrize(
    ("can", "state", "says", "fix"),
    [
        (FREE, "ok", "out: free", ""),
        (OPEN, "note", "exclusive_caps=0", "sudo modprobe -r v4l2loopback"),
        (STUCK, "note", "forgot what it is", "streamcam frees it"),
        (PermissionError(13, "x"), "problem", "no permission", "sudo usermod"),
        (OSError(19, "No such device"), "problem", "No such device", "sudo modprobe"),
    ],
)
def test_a_virtual_camera(monkeypatch, can, state, says, fix):
    found = looked_at(monkeypatch, can)
    assert found.state == state
    assert says in found.text
    assert found.fix.startswith(fix)
    assert bool(found.fix) == bool(fix)


def test_a_virtual_camera_that_somebody_writes_to(monkeypatch):
    assert looked_at(monkeypatch, WRITTEN, ["obs (3)"]).text.endswith("open in obs (3)")
    assert looked_at(monkeypatch, WRITTEN).text.endswith("open in a program of another user")


def test_no_virtual_camera_is_a_problem_with_the_commands(monkeypatch):
    monkeypatch.setattr(virtual_cameras, "list_devices", list)
    (found,) = virtual_cameras.check()
    assert found.state == "problem"
    assert "modprobe v4l2loopback devices=1 card_label=streamcam exclusive_caps=1" in found.fix


def test_pipewire_is_a_note_where_it_cannot_be_reached(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(
        pipewire, "pipewire_obstacle", lambda: Obstacle("no PipeWire runs", "start it")
    )
    (found,) = pipewire.check()
    assert (found.name, found.state) == ("PipeWire", "note")
    assert (found.text, found.fix) == ("no PipeWire runs", "start it")
    monkeypatch.setattr(pipewire, "pipewire_obstacle", lambda: None)
    (found,) = pipewire.check()
    assert (found.state, found.fix) == ("ok", "")
    assert "--output pipewire" in found.text
    monkeypatch.setattr(sys, "platform", "darwin")
    assert list(pipewire.check()) == []


# -- programs ------------------------------------------------------------------------------------


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def nobody():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def test_ports(server, nobody, monkeypatch, tmp_path):
    monkeypatch.setattr(programs, "runtime_folder", lambda: tmp_path)
    known = [FoundObs(False, ())]
    monkeypatch.setattr(programs, "find_obs", lambda: known[0])
    obs, page = programs.check(port=nobody)
    assert (obs.text, page.text) == ("does not run", "free, for the page")
    known[0] = FoundObs(True, (ObsServer(nobody), ObsServer(server)))
    obs, page = programs.check(port=server)
    assert obs.text == f"runs, and its WebSocket server answers on {server}, for streamcam obs"
    assert page.state == "note"
    Running.here(server, "secret", "anime", ("web",)).save(tmp_path)
    known[0] = FoundObs(True, (ObsServer(nobody),))
    obs, page = programs.check(port=server)
    assert (obs.state, obs.text) == (
        "note",
        "runs; its WebSocket server is off, which streamcam obs needs",
    )
    assert "tick Enable WebSocket server" in obs.fix
    assert (page.state, page.text) == ("ok", f"a streamcam runs already (process {os.getpid()})")


# -- bundle --------------------------------------------------------------------------------------


def test_a_bundle_names_nobody(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setattr(bundle, "_user", lambda: "ada")
    monkeypatch.setattr("platform.node", lambda: "adas-laptop")
    secret = "rtsp://ada:hunter2@10.0.0.7/live in /home/ada/x on adas-laptop of ada, not adamant"
    path = tmp_path / "report.zip"
    bundle.write(path, [Finding("source", "camera", "ok", secret)])
    with zipfile.ZipFile(path) as written:
        assert written.namelist() == [bundle.REPORT, bundle.PACKAGES]
        (found,) = json.loads(written.read(bundle.REPORT))
        assert b"numpy==" in written.read(bundle.PACKAGES)
    assert found["text"] == "rtsp://10.0.0.7/live in ~/x on HOST of USER, not adamant"


def test_a_bundle_without_a_place(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere/x\.zip cannot be written: No such file"):
        bundle.write(tmp_path / "nowhere" / "x.zip", [])
