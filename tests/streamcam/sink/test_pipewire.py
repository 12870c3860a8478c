"""The PipeWire camera over a stand-in for its library; tests/system has it over the real one."""

import gc
import socket
import sys
from fractions import Fraction

import numpy as np
import pytest
from fake_pipewire import rgb

from streamcam.errors import SinkFailed, UsageError
from streamcam.obstacles import Obstacle
from streamcam.pipewire import library as pw
from streamcam.pipewire import pods
from streamcam.pipewire import stream as stream_module
from streamcam.pipewire.stream import Broken, Unreachable
from streamcam.sink import Format, open_sink
from streamcam.sink.pipewire import PipeWireCamera
from streamcam.sink.pipewire import camera_stream as binding
from streamcam.sink.pipewire.camera_stream import CameraStream
from streamcam.sink.pipewire.presence import pipewire_obstacle

FORM = Format(48, 32, 30)


@pytest.fixture
def stream(pipewire):
    made = CameraStream(pipewire, "streamcam", FORM)
    yield made
    made.close()


@pytest.fixture
def machine(monkeypatch, pipewire):
    """A Linux machine on which PipeWire runs."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(pw, "load", lambda: pipewire)
    monkeypatch.setattr("streamcam.sink.pipewire.pipewire_obstacle", lambda: None)


# -- what is said to PipeWire --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fps", "rate"),
    [(30, "30"), (29.97, "2997/100"), (30000 / 1001, "30000/1001"), (7.5, "15/2"), (240, "240")],
)
def test_one_format_is_offered(pipewire, fps, rate):
    CameraStream(pipewire, "streamcam", Format(48, 32, fps)).close()
    assert pipewire.formats == [pods.camera_format(48, 32, Fraction(rate))]


def test_it_is_a_camera_with_a_name(pipewire):
    CameraStream(pipewire, 'My "good" side', FORM).close()
    assert pipewire.properties == {
        "media.type": "Video",
        "media.category": "Capture",
        "media.role": "Camera",
        "media.class": "Video/Source",
        "node.name": 'My "good" side',
        "node.description": 'My "good" side',
        "node.nick": 'My "good" side',
    }


def test_buffers_are_asked_for_once_a_client_has_taken_the_format(pipewire, stream):
    assert pipewire.wishes == []
    pipewire.look()
    pipewire.look_away()
    assert pipewire.wishes == [pods.camera_buffers(96, 32)]


# -- pictures ------------------------------------------------------------------------------------


def test_whoever_looks_sees_the_colours_in_order(pipewire, stream, frames, same_colours):
    pipewire.look()
    made = frames(48, 32, 6)
    for frame in made:
        stream.show(frame.pixels)
    for picture, frame in zip(pipewire.seen, made, strict=True):
        same_colours(rgb(picture), frame.pixels, tolerance=8)


def test_nothing_is_done_while_nobody_looks(pipewire, stream, frames, monkeypatch):
    monkeypatch.setattr(binding.cv2, "cvtColor", lambda *_, **__: pytest.fail("converted"))
    for frame in frames(48, 32, 3):
        stream.show(frame.pixels)
    assert not stream.watched
    assert (pipewire.seen, pipewire.locks) == ([], 0)


def test_a_late_client_gets_the_picture_of_the_next_tick(pipewire, stream, frames, same_colours):
    first, second, third = frames(48, 32, 3)
    stream.show(first.pixels)
    pipewire.look()
    assert stream.watched
    stream.show(second.pixels)
    pipewire.look_away()
    assert not stream.watched
    stream.show(third.pixels)
    (picture,) = pipewire.seen
    same_colours(rgb(picture), second.pixels, tolerance=8)


def test_where_another_node_sets_the_pace_it_gets_the_newest(pipewire, stream, frames):
    pipewire.look()
    pipewire.want()
    assert pipewire.seen == []  # there is none yet
    stream.show(frames(48, 32, 1)[0].pixels)
    pipewire.want()
    assert len(pipewire.seen) == 2
    assert np.array_equal(*pipewire.seen)
    pipewire.look_away()
    pipewire.look()
    pipewire.want()
    assert len(pipewire.seen) == 2  # what was there before is old by now


def test_a_client_that_keeps_all_buffers_misses_pictures(pipewire, stream, frames):
    pipewire.look()
    pipewire.free = 0
    first, second = frames(48, 32, 2)
    stream.show(first.pixels)
    pipewire.free = 1
    stream.show(second.pixels)
    assert len(pipewire.seen) == 1


# -- failures ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "message", "reason"),
    [
        (pw.UNCONNECTED, b"connection error", "connection error"),
        (pw.ERROR, b"no more buffers", "no more buffers"),
        (pw.ERROR, None, "the connection broke"),
    ],
)
def test_a_lost_daemon_is_named_and_another_camera_can_be_opened(
    pipewire, frames, state, message, reason
):
    sink = PipeWireCamera(CameraStream(pipewire, "mine", FORM), "mine")
    (frame,) = frames(48, 32, 1)
    pipewire.become(state, message)
    assert not sink.watched
    with pytest.raises(SinkFailed, match=f"PipeWire camera mine does not .* more: {reason}"):
        sink.write(frame)
    sink.close()
    assert pipewire.alive == {}
    again = PipeWireCamera(CameraStream(pipewire, "mine", FORM), "mine")
    pipewire.look()
    again.write(frame)
    again.close()
    assert len(pipewire.seen) == 1


@pytest.mark.parametrize("size", [0, 100])
def test_what_a_callback_raises_is_raised_by_the_next_picture(
    pipewire, stream, frames, capfd, size
):
    pipewire.size = size
    pipewire.look()
    (frame,) = frames(48, 32, 1)
    stream.show(frame.pixels)
    assert pipewire.free == 8  # it was given back all the same
    with pytest.raises(Broken, match=f"PipeWire gave {size} bytes for a picture of 3072"):
        stream.show(frame.pixels)
    assert capfd.readouterr() == ("", "")


def test_the_lock_is_given_back_when_a_picture_does_not_fit(pipewire, stream, frames):
    pipewire.look()
    with pytest.raises(binding.cv2.error):
        stream.show(np.zeros((32, 48), np.uint8))
    assert (pipewire.locks, pipewire.locked) == (1, 0)


def test_a_closed_camera_takes_no_picture(pipewire, stream, frames):
    stream.close()
    stream.close()
    assert pipewire.alive == {}
    with pytest.raises(Broken, match="it is closed"):
        stream.show(frames(48, 32, 1)[0].pixels)


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ({"missing": "loop"}, "its client library gets no thread"),
        ({"missing": "stream"}, "its client library cannot be set up"),
        ({"refusal": 112}, "host is down"),
        ({"first_state": pw.ERROR, "first_message": b"no permission"}, "no permission"),
        ({"first_state": pw.CONNECTING}, "it did not answer within 0.05 seconds"),
    ],
)
def test_a_camera_that_cannot_be_opened_leaves_nothing(
    pipewire, machine, monkeypatch, setting, reason
):
    monkeypatch.setattr(stream_module, "_TIMEOUT_SECONDS", 0.05)
    for name, value in setting.items():
        setattr(pipewire, name, value)
    with pytest.raises(Unreachable, match=reason):
        CameraStream(pipewire, "streamcam", FORM)
    assert pipewire.alive == {}
    with pytest.raises(UsageError, match=f"{reason}; to restart it: systemctl --user restart"):
        open_sink("pipewire", FORM)


def test_a_closed_camera_is_freed(pipewire):
    """PipeWire's callbacks refer to the stream, and the stream to them."""
    CameraStream(pipewire, "streamcam", FORM).close()
    pipewire._events = None
    gc.collect()
    assert not [one for one in gc.get_objects() if type(one) is CameraStream]


# -- opening -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "label"),
    [
        ("pipewire", "PipeWire camera streamcam"),
        ("pipewire:Kamera für gut", "PipeWire camera Kamera für gut"),
    ],
)
def test_the_name_is_the_argument(pipewire, machine, choice, label):
    sink = open_sink(choice, FORM)
    assert (sink.label, sink.paced, sink.main_thread) == (label, True, False)
    sink.close()
    assert pipewire.properties["node.name"] == label.removeprefix("PipeWire camera ")


def test_odd_widths_and_odd_names_are_refused(machine):
    with pytest.raises(
        UsageError, match=r'cannot show 641x480: .* even width; .*\[output\]: size = "640x480"'
    ):
        open_sink("pipewire", Format(641, 480, 30))
    with pytest.raises(UsageError, match=r"cannot have the name 'a\\x00b'"):
        open_sink("pipewire:a\0b", FORM)


def test_what_is_in_the_way_is_said_with_its_remedy(machine, monkeypatch):
    blocked = Obstacle("it is not installed", "sudo apt install pipewire wireplumber")
    monkeypatch.setattr("streamcam.sink.pipewire.pipewire_obstacle", lambda: blocked)
    with pytest.raises(UsageError) as caught:
        open_sink("pipewire", FORM)
    assert str(caught.value) == (
        "there is no PipeWire camera here: it is not installed; "
        "sudo apt install pipewire wireplumber"
    )


def test_other_systems_have_none(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert pipewire_obstacle({}) == Obstacle(
        "PipeWire is part of Linux desktops", "use --output virtualcam"
    )


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ({"ID": "debian"}, "sudo apt install"),
        ({"ID": "fedora"}, "sudo dnf install"),
        ({"ID": "manjaro", "ID_LIKE": "arch"}, "sudo pacman -S"),
        ({"ID": "opensuse-leap", "ID_LIKE": "suse opensuse"}, "sudo zypper install"),
    ],
)
def test_without_the_library_the_package_is_named(monkeypatch, release, command):
    def missing():
        raise OSError("cannot open shared object file")

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(pw, "load", missing)
    monkeypatch.setattr("platform.freedesktop_os_release", lambda: release)
    found = pipewire_obstacle({"XDG_RUNTIME_DIR": "/run/user/1000"})
    assert found == Obstacle(
        "libpipewire-0.3.so.0 is not installed", f"{command} pipewire wireplumber"
    )


def test_without_a_session_or_a_daemon(monkeypatch, machine, tmp_path):
    found = pipewire_obstacle({})
    assert found is not None
    assert "XDG_RUNTIME_DIR is not set" in found.text
    assert "export XDG_RUNTIME_DIR=" in found.fix
    found = pipewire_obstacle({"XDG_RUNTIME_DIR": str(tmp_path)})
    assert found is not None
    assert f"({tmp_path}/pipewire-0 does not answer)" in found.text
    assert found.fix == "systemctl --user start pipewire wireplumber"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such sockets")
def test_a_daemon_is_found_where_the_environment_says(machine, tmp_path):
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(tmp_path / "other"))
        daemon.listen()
        place = {"PIPEWIRE_RUNTIME_DIR": str(tmp_path), "PIPEWIRE_REMOTE": "other"}
        assert pipewire_obstacle(place | {"XDG_RUNTIME_DIR": str(tmp_path / "none")}) is None
    assert pipewire_obstacle(place) is not None
