"""Automatic choices: the best there is, said with its reason; an explicit one is kept."""

import pytest

from streamcam.capture.camera import Camera
from streamcam.capture.screen import Screen
from streamcam.errors import UnknownChoice, UsageError
from streamcam.obstacles import Obstacle
from streamcam.pipeline import auto
from streamcam.sink.virtualcam.devices import VirtualDevice

OUT = VirtualDevice("/dev/video9", "streamcam")
LOOPBACK = Camera(9, "streamcam", "/dev/video9", "V4L2")
WEBCAM = Camera(2, "HD Webcam", "/dev/video2", "V4L2")
SCREEN = Screen(1, 0, 0, 1920, 1080, primary=True)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):
    """What the machine has: by default nothing."""

    def has(
        *, cameras=(), screens=(), shared=False, devices=(), display=False, pipewire=False
    ) -> None:
        def require_display() -> None:
            if not display:
                raise UsageError("a window needs a display")

        monkeypatch.setattr("streamcam.capture.camera.list_cameras", lambda: list(cameras))
        monkeypatch.setattr("streamcam.capture.screen.list_screens", lambda: list(screens))
        monkeypatch.setattr("streamcam.capture.screen.is_shared", lambda: shared)
        monkeypatch.setattr(auto, "list_devices", lambda: list(devices))
        monkeypatch.setattr(auto, "require_display", require_display)
        in_the_way = None if pipewire else Obstacle("no PipeWire runs", "start it")
        monkeypatch.setattr(auto, "pipewire_obstacle", lambda: in_the_way)

    has()
    return has


@pytest.fixture
def said() -> list[str]:
    return []


def test_camera_then_screen_then_demo(machine, said) -> None:
    machine(cameras=[WEBCAM], screens=[SCREEN])
    assert auto.choose_source(None, said.append) == "camera:2"
    machine(screens=[SCREEN])
    assert auto.choose_source(None, said.append) == "screen"
    machine(shared=True)  # which one, the desktop asks
    assert auto.choose_source(None, said.append) == "screen"
    assert said.pop() == said[-1]
    machine()
    assert auto.choose_source(None, said.append) == "demo"
    assert [line.split(" (")[0] for line in said] == [
        'source chosen: camera 2 "HD Webcam", the first camera',
        "source chosen: the screen, as there is no camera",
        "source chosen: the demo clip, as there is no camera and no screen",
    ]
    assert all("--source" in line for line in said)


def test_our_own_virtual_camera_is_no_camera(machine, said) -> None:
    machine(cameras=[LOOPBACK], devices=[OUT])
    assert auto.choose_source(None, said.append) == "demo"
    machine(cameras=[LOOPBACK, WEBCAM], devices=[OUT])
    assert auto.choose_source(None, said.append) == "camera:2"


def test_a_camera_without_a_name_is_rather_a_real_one(machine, said) -> None:
    obs = VirtualDevice("/dev/video1", "OBS Virtual Camera")
    shown = Camera(1, obs.label, obs.path, "V4L2")
    machine(cameras=[shown, WEBCAM], devices=[obs])
    assert auto.choose_source("camera", said.append) == "camera:2"
    machine(cameras=[shown], devices=[obs])
    assert auto.choose_source("camera", said.append) == "camera"


def test_an_explicit_source_is_kept_and_nothing_is_said(machine, said) -> None:
    machine(cameras=[WEBCAM])
    for choice in ("demo", "screen:2", "camera:7", "rtsp://10.0.0.1/live"):
        assert auto.choose_source(choice, said.append) == choice
    assert said == []
    with pytest.raises(UnknownChoice, match=r"'demmo'.*'demo'"):
        auto.choose_source("demmo", said.append)


def test_virtual_camera_then_web(machine, said) -> None:
    machine(devices=[OUT])
    assert auto.choose_outputs((), said.append) == ("virtualcam",)
    machine(display=True)
    assert auto.choose_outputs((), said.append) == ("web",)
    assert "'streamcam'" in said[0]
    assert "to get one: " in said[1]


def test_pipewire_is_mentioned_where_it_runs_and_never_chosen(machine, said) -> None:
    machine(pipewire=True)
    assert auto.choose_outputs((), said.append) == ("web",)
    assert said.pop().endswith("(or take --output pipewire, a camera for browsers)")
    machine()
    auto.choose_outputs((), said.append)
    machine(devices=[OUT], pipewire=True)
    assert auto.choose_outputs((), said.append) == ("virtualcam",)
    assert "pipewire" not in " ".join(said)


def test_without_the_web_a_window_or_the_reason_why_not(machine, said) -> None:
    machine(display=True)
    assert auto.choose_outputs((), said.append, web=False) == ("window",)
    assert said[0].startswith(
        "output chosen: a window, as there is no virtual camera; to get one: "
    )
    machine()
    with pytest.raises(UsageError, match=r"nowhere to show .* to get one: .* --output FILE\.mp4"):
        auto.choose_outputs((), said.append, web=False)


def test_explicit_outputs_are_kept_once_each(machine, said) -> None:
    machine(devices=[OUT])
    assert auto.choose_outputs(("null", "a.mp4", "null"), said.append) == ("null", "a.mp4")
    assert said == []
    with pytest.raises(UnknownChoice, match="unknown output 'virtualcm'"):
        auto.choose_outputs(("null", "virtualcm"), said.append)
    with pytest.raises(UsageError, match="contradict"):
        auto.choose_outputs(("web",), said.append, web=False)


def test_no_recording_replaces_the_source_or_another_one(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.mp4").touch()
    (tmp_path / "link.mp4").symlink_to("in.mp4")
    auto.check_files("in.mp4", ("out.mp4", "in.mkv", "null"))
    auto.check_files("demo", ("out.mp4",))
    auto.check_files("http://localhost/in.mp4", ("in.mp4",))
    for output in ("in.mp4", "./in.mp4", str(tmp_path / "in.mp4"), "link.mp4"):
        with pytest.raises(UsageError, match="would replace the source of that name"):
            auto.check_files("in.mp4", ("out.mp4", output))
    with pytest.raises(UsageError, match="would replace the other --output of that name"):
        auto.check_files("demo", ("out.mp4", "record:./out.mp4"))
    (tmp_path / "hard.mp4").hardlink_to(tmp_path / "in.mp4")
    (tmp_path / "later.mp4").symlink_to("not yet.mp4")
    for output in ("hard.mp4", "in.mp4"):
        with pytest.raises(UsageError, match="would replace the source of that name"):
            auto.check_files("in.mp4", (output,))
    for pair in (("hard.mp4", "in.mp4"), ("not yet.mp4", "later.mp4")):
        with pytest.raises(UsageError, match="would replace the other --output of that name"):
            auto.check_files("demo", pair)


OBS = VirtualDevice("OBS Virtual Camera", "OBS Virtual Camera")
OBS_CAMERA = Camera(3, "OBS Virtual Camera", "", "DSHOW")
PHONE = VirtualDevice("/dev/video7", "DroidCam")
PHONE_CAMERA = Camera(7, "DroidCam", "/dev/video7", "V4L2")


@pytest.mark.parametrize("source", ["camera:3", "camera:OBS Virtual Camera", "camera:obs virtual"])
def test_the_camera_that_the_run_sends_to_is_refused_by_index_and_name(machine, source) -> None:
    machine(cameras=[WEBCAM, OBS_CAMERA], devices=[OBS])
    with pytest.raises(UsageError, match="the virtual camera that this run sends to"):
        auto.refuse_own_camera(source, [OBS.path])
    auto.refuse_own_camera(source, [])
    auto.refuse_own_camera("camera:2", [OBS.path])
    auto.refuse_own_camera("demo", [OBS.path])


def test_another_virtual_camera_is_a_fine_source(machine) -> None:
    machine(cameras=[PHONE_CAMERA], devices=[PHONE, OUT])
    auto.refuse_own_camera("camera:7", ["/dev/video9"])
    with pytest.raises(UsageError, match="DroidCam"):
        auto.refuse_own_camera("camera:/dev/video7", ["/dev/video9", "/dev/video7"])


def test_a_virtual_camera_that_another_program_sends_to_is_passed_over(
    machine, said, monkeypatch
) -> None:
    machine(devices=[PHONE, OUT])
    monkeypatch.setattr(auto, "is_taken", lambda path: path == PHONE.path)
    assert auto.choose_outputs((), said.append) == ("virtualcam",)
    assert "take 'streamcam'" in said[0]
    monkeypatch.setattr(auto, "is_taken", lambda _: True)
    assert auto.choose_outputs((), said.append) == ("web",)
    assert "as DroidCam and streamcam are taken: end the program that sends" in said[1]
