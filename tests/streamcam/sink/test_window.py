"""The preview window, with OpenCV's window functions replaced."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from streamcam.errors import UsageError
from streamcam.frames import RingClosed
from streamcam.sink import Format
from streamcam.sink.window import open_sink
from streamcam.sink.window.display import require_display

FORM = Format(48, 32, 30)


def test_it_shows_the_picture(gui, frames):
    sink = open_sink("", FORM, gui)
    assert gui.windows == {}  # it belongs to the thread that writes
    made = frames(48, 32, 3)
    for frame in made:
        sink.write(frame)
    for shown, frame in zip(gui.shown, made, strict=True):
        assert np.array_equal(shown, frame.pixels)
    assert list(gui.windows) == ["streamcam"]
    sink.close()
    assert gui.windows == {}


def test_a_large_picture_opens_in_a_window_that_fits(gui, frames):
    sink = open_sink("", Format(2560, 1440, 30), gui)
    sink.write(frames(2560, 1440, 1)[0])
    assert gui.size == (1280, 720)


@pytest.mark.parametrize("how", ["closed", "q", "escape"])
def test_closing_it_ends_the_program(gui, frames, how):
    sink = open_sink("", FORM, gui)
    (frame,) = frames(48, 32, 1)
    sink.write(frame)
    if how == "closed":
        gui.windows.clear()
        gui.getWindowProperty = lambda winname, prop_id: 0.0
        gui.imshow = lambda winname, mat: None
    else:
        gui.key = ord("q") if how == "q" else 27
    with pytest.raises(RingClosed):
        sink.write(frame)
    sink.close()
    with pytest.raises(RingClosed):
        sink.write(frame)
    assert gui.windows == {}


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({}, "there is none here"),
        ({"DISPLAY": ""}, "there is none here"),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "XWayland"),
    ],
)
def test_without_a_display_it_is_refused(monkeypatch, environment, reason):
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(UsageError, match=f"{reason}.*--output web"):
        require_display(environment)


ANY = ["wayland", "offscreen", "wayland-egl;xcb", "", None]


@pytest.mark.parametrize("asked", ANY)
def test_qt_is_asked_for_the_platform_that_opencv_carries(monkeypatch, asked):
    """With another one it ends the process at the first window: tests/system has that."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("streamcam.sink.window.display._answers", lambda display: True)
    environment = {"DISPLAY": ":93"} | ({} if asked is None else {"QT_QPA_PLATFORM": asked})
    require_display(environment)
    assert environment["QT_QPA_PLATFORM"] == "xcb"


def test_a_library_that_qt_would_miss_is_named(monkeypatch, tmp_path):
    plugin = tmp_path / "qt" / "plugins" / "platforms" / "libqxcb.so"
    plugin.parent.mkdir(parents=True)
    plugin.touch()
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("streamcam.sink.window.display._answers", lambda display: True)
    monkeypatch.setattr("cv2.__file__", str(tmp_path / "__init__.py"))

    def missing(_name):
        raise OSError("libSM.so.6: cannot open shared object file: No such file or directory")

    monkeypatch.setattr("ctypes.CDLL", missing)
    environment = {"DISPLAY": ":93", "QT_QPA_PLATFORM": "wayland"}
    with pytest.raises(UsageError, match=r"needs libSM.so.6, .*: sudo .*; or use --output web"):
        require_display(environment)
    assert environment["QT_QPA_PLATFORM"] == "wayland"


def test_a_display_that_does_not_answer_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("streamcam.sink.window.display._answers", lambda display: False)
    with pytest.raises(UsageError, match="':93' does not answer"):
        require_display({"DISPLAY": ":93"})


def test_other_systems_always_have_one(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    require_display({})
