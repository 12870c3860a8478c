"""The input of OBS that shows the program: made, found again, mended."""

from dataclasses import replace

import pytest
from fake_obs import BROWSER, DSHOW

from streamcam.errors import UsageError
from streamcam.obs.picture import find, put
from streamcam.obs.source import virtualcam

STREAM = "http://127.0.0.1:8737/stream.mkv"


@pytest.fixture
def page(shown):
    """A program whose page has the picture, and nothing else."""
    return replace(shown, outputs=("web",))


@pytest.fixture
def given(with_obs):
    """Have OBS get the picture: what was done."""

    def run(shown, way=None, taken=()):
        return with_obs(lambda obs: put(obs, way, shown, taken))[1]

    return run


def test_a_media_source_is_made_and_fills_the_canvas(obs, given, page):
    assert given(page) == f"'streamcam' made in the scene 'Scene': Media Source of {STREAM}"
    assert obs.settings("streamcam") == obs.kinds["ffmpeg_source"] | {
        "is_local_file": False,
        "input": STREAM,
        "input_format": "",
        "buffering_mb": 0,
        "reconnect_delay_sec": 1,
        "restart_on_activate": False,
        "close_when_inactive": False,
        "speed_percent": 100,
        "ffmpeg_options": "",
    }
    (placed,) = obs.requests("SetSceneItemTransform")
    assert placed["sceneItemTransform"] == {
        "positionX": 0,
        "positionY": 0,
        "boundsType": "OBS_BOUNDS_SCALE_INNER",
        "boundsWidth": 1920,
        "boundsHeight": 1080,
    }


def test_a_second_time_nothing_is_done(obs, given, page):
    given(page)
    before = len(obs.asked)
    assert given(page) == f"'streamcam' is as it should be: Media Source of {STREAM}"
    assert not [name for name, _ in obs.asked[before:] if not name.startswith("Get")]


def test_the_virtual_camera_is_taken_where_there_is_one(obs, given, shown):
    assert given(shown).endswith("Video Capture Device of /dev/video10")
    assert obs.settings("streamcam")["buffering"] is False


def test_what_somebody_made_is_mended_and_keeps_its_name(obs, given, page):
    """As README once said it, and with OBS's defaults."""
    address = "http://127.0.0.1:8739/stream.mjpg"
    obs.add("My camera", "ffmpeg_source", is_local_file=False, input=address, input_format="mpjpeg")
    done = given(page)
    assert done.startswith(
        "'My camera' mended: it shows another address, its Input Format is set, which makes it late"
    )
    assert list(obs.inputs) == ["My camera"]
    settings = obs.settings("My camera")
    assert (settings["input"], settings["input_format"]) == (STREAM, "")
    assert settings["clear_on_media_end"] is True, "what is no matter of ours stays"


def test_the_way_that_obs_has_stays_the_way(obs, given, shown):
    obs.add("Page", "ffmpeg_source", is_local_file=False, input=STREAM)
    assert given(shown).startswith("'Page' mended")
    assert given(shown, "virtualcam").startswith("'streamcam' made")


def test_the_source_of_another_program_is_not_ours(obs, given, page):
    other = "http://127.0.0.1:8738/stream.mkv"
    obs.add("Other", "ffmpeg_source", is_local_file=False, input=other)
    assert given(page, taken=[8737, 8738]).startswith("'streamcam' made")
    assert obs.settings("Other")["input"] == other


def test_a_name_that_is_taken(obs, given, page):
    obs.add("streamcam", "color_source_v3")
    obs.scenes.append("streamcam 2")
    assert given(page).startswith("'streamcam 3' made")


def test_a_browser_source(obs, given, page):
    obs.kinds["browser_source"] = BROWSER
    given(page, "browser")
    settings = obs.settings("streamcam")
    assert settings["url"] == "http://127.0.0.1:8737/?clean"
    assert (settings["width"], settings["height"]) == (1280, 720)


def test_a_camera_of_windows_is_chosen_from_obs_own_list(obs, given, shown, monkeypatch):
    monkeypatch.setattr(virtualcam.wanted, "__defaults__", ("win32",))
    obs.kinds["dshow_input"] = DSHOW
    unity = replace(shown, outputs=("virtualcam:Unity Video Capture",))
    obs.devices["video_device_id"] = {"HD Webcam": r"HD Webcam:\\?\usb#22vid"}
    with pytest.raises(UsageError, match="does not list the camera 'Unity Video Capture'; it li"):
        given(unity)
    assert obs.inputs == {}, "nothing half made stays"
    obs.devices["video_device_id"]["Unity Video Capture"] = "Unity Video Capture:"
    given(unity)
    assert obs.settings("streamcam")["video_device_id"] == "Unity Video Capture:"
    assert obs.settings("streamcam")["buffering"] == 2


def test_a_way_that_is_closed_is_said(given, page):
    with pytest.raises(UsageError, match="streamcam sends to no virtual camera"):
        given(page, "virtualcam")


def test_an_input_whose_way_is_closed_is_replaced(obs, given, with_obs, page):
    """The page without its picture, say: its source shows nothing."""
    obs.add("Page", "ffmpeg_source", is_local_file=False, input=STREAM)
    blind = replace(page, picture=False, outputs=("virtualcam:/dev/video10",))
    found = with_obs(lambda made: find(made, None, blind, ()))
    assert (found.name, found.wanted, found.faults()) == ("Page", None, [])
    assert given(blind).startswith("'streamcam' made")
