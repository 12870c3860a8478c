"""`devices` and `presets`: tables for people, lines for programs."""

import json

from streamcam.capture.camera import Camera
from streamcam.capture.screen import Screen
from streamcam.cli import main
from streamcam.errors import UsageError
from streamcam.presets import load_preset
from streamcam.sink.virtualcam.devices import VirtualDevice


def test_presets_are_one_line_each(command, tmp_path) -> None:
    own = tmp_path / ".config" / "streamcam" / "presets"
    own.mkdir(parents=True)
    (own / "zz.toml").write_text("prompt = 3")
    done = command("presets")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, "")
    assert [row[0] for row in rows][:2] == ["anime", "blueprint"]
    assert rows[0][1] == ", ".join(load_preset("anime").look_names)
    assert rows[-1][0] == "zz"
    assert rows[-1][2].startswith("does not load: ")


def test_the_schema_is_json_and_nothing_else(command) -> None:
    schema = json.loads(command("presets", "--schema").stdout)
    assert schema["title"] == "streamcam preset"
    assert "strength" in schema["properties"]


def test_devices_here(command) -> None:
    done = command("devices")
    assert (done.returncode, done.stderr) == (0, "")
    assert "demo\tthe bundled clip" in done.stdout
    assert "FILE.mp4\ta recording" in done.stdout


def test_devices_that_cannot_be_had_say_why_and_hide_nothing_else(monkeypatch, capsys) -> None:
    def fails(text):
        def look():
            raise UsageError(text)

        return look

    monkeypatch.setattr("streamcam.capture.camera.list_cameras", fails("they cannot be listed"))
    monkeypatch.setattr("streamcam.capture.screen.visible_screens", fails("its depth is 1"))
    monkeypatch.setattr("streamcam.capture.screen.is_shared", lambda: False)
    assert main(["devices"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "camera: none; they cannot be listed" in lines
    assert "screen: none; its depth is 1" in lines
    assert "demo\tthe bundled clip\t" in lines
    assert "window\ta preview on this screen" in lines


def test_devices_of_a_streamer(monkeypatch, capsys) -> None:
    cameras = [Camera(0, "HD Webcam", "/dev/video0", "V4L2"), Camera(9, "out", "/dev/video9", "")]
    screens = [Screen(1, 0, 0, 1920, 1080, primary=True)]
    monkeypatch.setattr("streamcam.capture.camera.list_cameras", lambda: cameras)
    monkeypatch.setattr("streamcam.capture.screen.visible_screens", lambda: screens)
    virtual = [VirtualDevice("/dev/video9", "out")]
    for where in ("sink.virtualcam.devices", "pipeline.auto", "pipeline.sources"):
        monkeypatch.setattr(f"streamcam.{where}.list_devices", lambda: virtual)
    monkeypatch.setattr("streamcam.pipeline.sources.pipewire_obstacle", lambda: None)
    assert main(["devices"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["camera:0\tHD Webcam\t/dev/video0", "screen:1\t1920x1080\tat 0,0"]
    assert 'virtualcam:/dev/video9\tthe virtual camera "out"' in lines
    assert "pipewire\ta camera for programs that read PipeWire's, such as Chromium" in lines
    assert not any(line.startswith("camera:9") for line in lines)  # it is no source
    assert not any("to get one" in line for line in lines)
    monkeypatch.setattr("streamcam.capture.screen.is_shared", lambda: True)
    assert main(["devices"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "screen\ta monitor\tthe desktop asks which one" in lines
    assert not any(line.startswith("screen:1") for line in lines)
