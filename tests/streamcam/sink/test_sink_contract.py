"""What every sink promises, whatever it is."""

from __future__ import annotations

import sys

import pytest

from streamcam import plugins
from streamcam.errors import UnknownChoice, UsageError
from streamcam.sink import Format, open_sink, parse
from streamcam.sink._pipewire import CameraStream
from streamcam.sink.ndi import open_sink as open_ndi
from streamcam.sink.null import open_sink as open_null
from streamcam.sink.pipewire import PipeWireCamera
from streamcam.sink.record import open_sink as open_record
from streamcam.sink.virtualcam import VirtualCamera
from streamcam.sink.web import open_sink as open_web
from streamcam.sink.window import open_sink as open_window

FORM = Format(48, 32, 30)
KINDS = [
    "ndi",
    "null",
    "pipewire",
    "watched pipewire",
    "record",
    "virtualcam",
    "web",
    "watched web",
    "window",
]


@pytest.fixture(params=KINDS)
def sink(request, tmp_path, camera, gui, ndi, pipewire):
    openers = {
        "ndi": lambda: open_ndi("", FORM, ndi),
        "null": lambda: open_null("", FORM),
        "pipewire": lambda: PipeWireCamera(CameraStream(pipewire, "streamcam", FORM), "streamcam"),
        "watched pipewire": lambda: PipeWireCamera(
            CameraStream(pipewire, "watched", FORM), "watched"
        ),
        "record": lambda: open_record(str(tmp_path / "out.mp4"), FORM),
        "virtualcam": lambda: VirtualCamera(camera, "I420", FORM),
        "web": lambda: open_web("", FORM),
        "watched web": lambda: open_web("", FORM),
        "window": lambda: open_window("", FORM, gui),
    }
    made = openers[request.param]()
    if request.param == "watched pipewire":
        pipewire.look()
    if request.param == "watched web":
        with made.watch():
            yield made
    else:
        yield made
    made.close()


def test_every_kind_is_tested_here():
    assert set(plugins.names("streamcam.sink")) == {kind.split()[-1] for kind in KINDS}


def test_it_says_what_it_is(sink):
    assert sink.label
    assert isinstance(sink.paced, bool)
    assert sink.main_thread == (sys.platform == "darwin" and sink.label == "window")


def test_it_takes_frames_and_keeps_none(sink, frames):
    made = frames(FORM.width, FORM.height, 5)
    before = [sys.getrefcount(frame.pixels) for frame in made]
    for frame in made:
        sink.write(frame)
    assert [sys.getrefcount(frame.pixels) for frame in made] == before


def test_it_takes_the_same_frame_again(sink, frames):
    (frame,) = frames(FORM.width, FORM.height, 1)
    for _ in range(3):
        sink.write(frame)


def test_it_can_be_closed_twice(sink, frames):
    sink.write(frames(FORM.width, FORM.height, 1)[0])
    sink.close()
    sink.close()


def test_it_can_be_closed_without_a_picture(sink):
    sink.close()
    sink.close()


@pytest.mark.parametrize("choice", ["null:x", "web:8080", "window:big"])
def test_an_argument_where_none_belongs_is_refused(choice):
    with pytest.raises(UsageError, match="takes no argument"):
        open_sink(choice, FORM)


@pytest.mark.parametrize(
    ("choice", "kind", "argument"),
    [
        ("virtualcam", "virtualcam", ""),
        ("virtualcam:/dev/video10", "virtualcam", "/dev/video10"),
        ("clips/My Clip.MP4", "record", "clips/My Clip.MP4"),
        ("out.mkv", "record", "out.mkv"),
        ("web", "web", ""),
        ("ndi:Studio: main", "ndi", "Studio: main"),
        ("pipewire", "pipewire", ""),
        ("pipewire:My Cam.mp4", "pipewire", "My Cam.mp4"),
    ],
)
def test_choices_are_read(choice, kind, argument):
    assert parse(choice) == (kind, argument)


def test_an_unknown_choice_names_the_nearest():
    with pytest.raises(UnknownChoice, match="Did you mean 'virtualcam'"):
        open_sink("virtualcm", FORM)
