"""The NDI source, over a stand-in for the network; tests/system/test_ndi.py has the real one."""

import sys

import numpy as np
import pytest

from streamcam.errors import SinkFailed, UsageError
from streamcam.sink import Format
from streamcam.sink import ndi as module
from streamcam.sink.ndi import open_sink

FORM = Format(51, 33, 29.97)  # odd sizes are fine


def test_pictures_are_sent_in_their_order_and_colours(ndi, frames):
    sink = open_sink("", FORM, ndi)
    made = frames(FORM.width, FORM.height, 3)
    for frame in made:
        sink.write(frame)
    (sender,) = ndi.senders
    assert np.array_equal(sender.sent, [frame.pixels for frame in made])
    assert (sender.name, sender.fps) == ("streamcam", 29.97)


def test_the_name_is_the_users(ndi):
    assert "'Studio 1'" in open_sink("Studio 1", FORM, ndi).label
    assert ndi.senders[0].name == "Studio 1"


def test_it_is_watched_while_a_receiver_is_connected(ndi):
    sink = open_sink("", FORM, ndi)
    seen = []
    for receivers in (0, 1, 2, 0):
        ndi.senders[0].receivers = receivers
        seen.append(sink.watched)
    assert seen == [False, True, True, False]


def test_closed_it_is_off_the_network_once_and_not_watched(ndi, frames):
    sink = open_sink("", FORM, ndi)
    ndi.senders[0].receivers = 1
    sink.close()
    sink.close()
    assert ndi.senders[0].closed == 1
    assert not sink.watched
    with pytest.raises(SinkFailed, match=r"NDI source 'streamcam'.* is closed"):
        sink.write(frames(FORM.width, FORM.height, 1)[0])


def test_without_the_library_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "NDIlib", None)
    with pytest.raises(UsageError, match=r"Install it: pip install 'streamcam\[ndi\]'$"):
        open_sink("", FORM)


def test_a_library_that_does_not_load_says_why(monkeypatch, tmp_path):
    (tmp_path / "NDIlib.py").write_text("raise ImportError('libavahi-client.so.3: not found')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "NDIlib", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(UsageError, match=r"libavahi-client\.so\.3.*apt install avahi-daemon lib"):
        open_sink("", FORM)


@pytest.mark.parametrize(
    ("platform", "runs", "told"),
    [("linux", False, True), ("linux", True, False), ("win32", False, False)],
)
def test_it_says_when_nobody_can_find_it(ndi, monkeypatch, tmp_path, platform, runs, told):
    socket = tmp_path / "socket"
    if runs:
        socket.touch()
    monkeypatch.setattr(module, "_AVAHI", socket)
    monkeypatch.setattr(sys, "platform", platform)
    assert ("sudo apt install avahi-daemon" in open_sink("", FORM, ndi).label) == told
