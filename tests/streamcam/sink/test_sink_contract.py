"""What every sink promises, whatever it is."""

from __future__ import annotations

import asyncio
import sys
from contextlib import closing, contextmanager
from dataclasses import replace
from threading import Event
from types import SimpleNamespace

import pytest

from streamcam import plugins
from streamcam.errors import SinkFailed, UnknownChoice, UsageError
from streamcam.flow.delivery import Delivery
from streamcam.frames import Channel
from streamcam.sink import Format, open_sink, parse
from streamcam.sink.ndi import open_sink as open_ndi
from streamcam.sink.null import open_sink as open_null
from streamcam.sink.pipewire import PipeWireCamera
from streamcam.sink.pipewire.camera_stream import CameraStream
from streamcam.sink.record import open_sink as open_record
from streamcam.sink.sequence import open_sink as open_sequence
from streamcam.sink.virtualcam import VirtualCamera
from streamcam.sink.web import open_sink as open_web
from streamcam.sink.whep import WhepSink
from streamcam.sink.window import open_sink as open_window
from streamcam.webrtc.outgoing import Outgoing

FORM = Format(48, 32, 30)
KINDS = [
    "ndi",
    "null",
    "pipewire",
    "watched pipewire",
    "record",
    "sequence",
    "virtualcam",
    "web",
    "watched web",
    "whep",
    "watched whep",
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
        "sequence": lambda: open_sequence(str(tmp_path / "out%03d.png"), FORM),
        "virtualcam": lambda: VirtualCamera(camera, "I420", FORM),
        "web": lambda: open_web("", FORM),
        "watched web": lambda: open_web("", FORM),
        "whep": lambda: WhepSink(FORM, Outgoing()),
        "watched whep": lambda: WhepSink(FORM, Outgoing()),
        "window": lambda: open_window("", FORM, gui),
    }
    made = openers[request.param]()
    if request.param == "watched pipewire":
        pipewire.look()
    if request.param == "watched web":
        with made.watch():
            yield made
    elif request.param == "watched whep":
        loop = asyncio.new_event_loop()
        with closing(loop), made._outgoing.watch(loop):
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


@pytest.mark.parametrize("choice", ["null:x", "web:8080", "whep:1", "window:big"])
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


class Surprise(Exception):
    """What a library raises that nobody expected."""


def _surprise(*_arguments, **_named):
    raise Surprise("driver")


# What a picture goes through, by kind of sink: in the library, and the end of it there.
BORDERS = {
    "ndi": (lambda sink: (sink._sender, "send"), lambda sink: (sink._sender, "close")),
    "pipewire": (
        lambda sink: (sink._stream, "show"),
        lambda sink: (sink._stream._library, "pw_stream_destroy"),
    ),
    "record": (
        lambda sink: (sink._encoder._pictures._convert, "push"),
        lambda sink: (sink._encoder, "finish"),
    ),
    "sequence": (lambda sink: ("cv2", "imencode"), None),
    "virtualcam": (lambda sink: (sink._camera, "send"), lambda sink: (sink._camera, "close")),
    "web": (lambda sink: ("cv2", "imencode"), None),
    "whep": (lambda sink: ("cv2", "cvtColor"), None),
    "window": (lambda sink: (sink._gui, "imshow"), lambda sink: (sink._gui, "destroyWindow")),
}


@contextmanager
def broken(border, sink):
    with pytest.MonkeyPatch.context() as patch:
        where, name = border(sink)
        if isinstance(where, str):
            patch.setattr(f"{where}.{name}", _surprise)
        elif name == "push":  # PyAV's own objects take no attributes
            patch.setattr(sink._encoder._pictures, "_convert", SimpleNamespace(push=_surprise))
        else:
            patch.setattr(where, name, _surprise)
        yield


def kind_of(request):
    return request.node.callspec.params["sink"].split()[-1]


def delivered(sink, frames):
    queue = Channel(20)
    for frame in frames(FORM.width, FORM.height, 3):
        queue.put(frame)
    queue.close()
    Delivery(sink, queue, replace(FORM, realtime=False), Event())()


def test_whatever_its_library_raises_the_output_is_lost_and_closed(request, sink, frames):
    kind = kind_of(request)
    if kind == "null" or request.node.callspec.params["sink"] in ("web", "whep"):  # none is called
        delivered(sink, frames)
        return
    with broken(BORDERS[kind][0], sink), pytest.raises(SinkFailed) as caught:
        delivered(sink, frames)
    assert sink.label in str(caught.value)
    assert "Surprise: driver" in str(caught.value)
    sink.close()


def test_whatever_its_library_raises_at_the_end_is_named(request, sink, frames):
    border = BORDERS.get(kind_of(request), (None, None))[1]
    if border is None:  # no library is called
        delivered(sink, frames)
        return
    with broken(border, sink), pytest.raises(SinkFailed) as caught:
        delivered(sink, frames)
    assert "Surprise: driver" in str(caught.value)
    sink.close()


def test_whatever_a_library_raises_while_a_sink_opens_is_refused(monkeypatch):
    monkeypatch.setattr("streamcam.sink.null.open_sink", _surprise)
    with pytest.raises(UsageError, match=r"'null' cannot be opened: Surprise: driver \(test_sink"):
        open_sink("null", FORM)
