"""The ways that OBS can get the picture: which are open, and which input of OBS is one."""

from dataclasses import replace

import pytest

from streamcam.errors import UnknownChoice, UsageError
from streamcam.obs.source import browser, media, open_ways, virtualcam, ways

LINUX = ("ffmpeg_source", "v4l2_input", "pulse_input_capture")
WINDOWS = ("ffmpeg_source", "dshow_input", "browser_source")


def test_every_way_has_what_it_takes(shown):
    for way in ways(None):
        assert way.KINDS
        assert way.shows({}, shown, ()) is False
    with pytest.raises(UnknownChoice, match="Did you mean 'media'"):
        ways("medias")


def test_the_virtual_camera_goes_before_the_page(shown):
    assert [wanted.kind for _, wanted in open_ways(None, shown, LINUX)] == [
        "v4l2_input",
        "ffmpeg_source",
    ]


def test_the_camera_of_obs_is_none_for_obs(shown):
    fed = replace(shown, outputs=("virtualcam:OBS Virtual Camera", "web"))
    with pytest.raises(UsageError, match=r"OBS cannot be fed by it: .*--as media"):
        virtualcam.wanted(fed, WINDOWS, "win32")
    with pytest.raises(UsageError, match="OBS cannot be fed by it"):
        virtualcam.wanted(fed, ("ffmpeg_source",), "darwin")


def test_nothing_is_buffered(shown):
    device = virtualcam.wanted(shown, LINUX, "linux")
    assert (device.settings["device_id"], device.settings["buffering"]) == ("/dev/video10", False)
    unity = replace(shown, outputs=("virtualcam:Unity Video Capture",))
    listed = virtualcam.wanted(unity, WINDOWS, "win32")
    assert (listed.device, listed.device_key) == ("Unity Video Capture", "video_device_id")
    assert listed.settings["buffering"] == 2
    stream = media.wanted(shown, LINUX).settings
    assert stream["input"] == "http://127.0.0.1:8737/stream.mkv"
    assert (stream["buffering_mb"], stream["input_format"]) == (0, "")
    page = browser.wanted(shown, WINDOWS).settings
    assert (page["url"], page["width"], page["height"]) == (
        "http://127.0.0.1:8737/?clean",
        1280,
        720,
    )


def test_why_no_way_is_open(shown):
    blind = replace(shown, picture=False, outputs=("film.mp4",))
    with pytest.raises(UsageError) as caught:
        open_ways(None, blind, LINUX)
    assert str(caught.value) == (
        "OBS cannot be given the picture: streamcam sends to no virtual camera: start it with "
        "--output virtualcam; the page has no picture: start streamcam without --no-web; this OBS "
        "has no Browser Source"
    )


@pytest.mark.parametrize(
    ("address", "ours"),
    [
        ("http://127.0.0.1:8737/stream.mkv", True),
        ("http://localhost:8737/stream.mjpg", True),
        (" http://127.0.0.1:8740/stream.mkv\n", True),  # of an earlier run, on another port
        ("http://127.0.0.1:8738/stream.mkv", False),  # another streamcam that runs
        ("http://192.168.0.2:8737/stream.mkv", False),
        ("http://127.0.0.1:8737/stream.mkv.mp4", False),
        ("rtmp://127.0.0.1:8737/stream.mkv", False),
    ],
)
def test_whose_stream_it_is(shown, address, ours):
    settings = {"is_local_file": False, "input": address}
    assert media.shows(settings, shown, [8737, 8738]) is ours
    assert media.shows(settings | {"is_local_file": True}, shown, []) is False


@pytest.mark.parametrize(
    ("address", "ours"),
    [
        ("http://127.0.0.1:8737/?clean", True),
        ("http://127.0.0.1:8738/?clean", False),
        ("http://127.0.0.1:8737/", False),  # the page with its controls, which somebody may want
    ],
)
def test_whose_page_it_is(shown, address, ours):
    assert browser.shows({"url": address}, shown, [8738]) is ours


def test_whose_camera_it_is(shown, tmp_path):
    assert virtualcam.shows({"device_id": "/dev/video10"}, shown, ())
    assert not virtualcam.shows({"device_id": "/dev/video1"}, shown, ())
    device, link = tmp_path / "video10", tmp_path / "by-id"
    device.touch()
    link.symlink_to(device)
    linked = replace(shown, outputs=(f"virtualcam:{device}",))
    assert virtualcam.shows({"device_id": str(link)}, linked, ())
    unity = replace(shown, outputs=("virtualcam:Unity Video Capture",))
    assert virtualcam.shows({"video_device_id": "Unity Video Capture:"}, unity, ())
    assert not virtualcam.shows({"video_device_id": "Unity Video Capture #2:"}, unity, ())
