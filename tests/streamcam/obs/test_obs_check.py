"""What `streamcam obs check` finds, and that it changes nothing."""

from dataclasses import replace

import pytest

from streamcam.obs.check import check
from streamcam.obs.picture import put
from streamcam.obstacles import Obstacle

STREAM = "http://127.0.0.1:8737/stream.mkv"


@pytest.fixture
def page(shown):
    return replace(shown, outputs=("web",))


@pytest.fixture
def checked(obs, with_obs):
    """What is well, and what is not."""

    def run(shown, way=None, camera_ms=0.0):
        async def act(connection):
            return [one async for one in check(connection, way, shown, [8737], camera_ms)]

        before = len(obs.asked)
        found = with_obs(act)
        assert not [name for name, _ in obs.asked[before:] if not name.startswith("Get")]
        well = [one for one in found if isinstance(one, str)]
        return well, [str(one) for one in found if isinstance(one, Obstacle)]

    return run


def test_all_is_well(obs, with_obs, checked, page):
    obs.add("Mic/Aux", "pulse_input_capture")
    obs.offsets["Mic/Aux"] = 90
    with_obs(lambda made: put(made, None, page, ()))
    assert checked(replace(page, scenes={"BRB": "card"})) == (
        [
            "OBS 29.0.2 (obs-websocket 5.1.0)",
            f"source 'streamcam': Media Source of {STREAM}",
            "source 'streamcam': 1280x720",
            "OBS makes 30 pictures a second, and streamcam 30",
            "microphone 'Mic/Aux': sync offset 90 ms, and the picture is 100 late",
            "scene 'BRB': card",
        ],
        [],
    )


def test_no_source(checked, page):
    assert checked(page)[1] == ["no source shows the picture: streamcam obs makes it"]
    (said,) = checked(replace(page, picture=False))[1]
    assert "the page has no picture: start streamcam without --no-web" in said


def test_each_setting_that_is_wrong(obs, checked, page):
    address = "http://127.0.0.1:8739/stream.mjpg"
    obs.add("Page", "ffmpeg_source", is_local_file=False, input=address, input_format="mpjpeg")
    obs.picture_size = (640, 360)
    assert checked(page)[1] == [
        "source 'Page': it shows another address: streamcam obs mends it",
        "source 'Page': its Input Format is set, which makes it late: streamcam obs mends it",
        "source 'Page': it buffers (Network Buffering): streamcam obs mends it",
        "source 'Page': it comes back late after a break (Reconnect Delay): streamcam obs mends it",
        "source 'Page': it connects anew with every scene (Restart playback when source becomes "
        "active): streamcam obs mends it",
        "source 'Page' is 640x360, and the picture 1280x720: streamcam obs mends it",
    ]


def test_a_camera_that_buffers(obs, checked, shown):
    obs.add("Cam", "v4l2_input", device_id="/dev/video10", resolution=0x2800168)
    assert checked(shown)[1] == [
        "source 'Cam': it buffers (Use Buffering): streamcam obs mends it",
        "source 'Cam': its Resolution is set, and the device has one only: streamcam obs mends it",
    ]


def test_a_source_without_a_picture_and_one_in_no_scene(obs, with_obs, checked, page):
    with_obs(lambda made: put(made, None, page, ()))
    obs.picture_size = (0, 0)
    assert checked(page)[1][0].startswith("source 'streamcam' has no picture: in OBS, open its")
    obs.items["Scene"].clear()
    assert checked(page)[1][0].startswith("source 'streamcam' is in no scene")


def test_a_filter_that_delays(obs, with_obs, checked, page):
    with_obs(lambda made: put(made, None, page, ()))
    delay = {"filterName": "Late", "filterKind": "async_delay_filter", "filterEnabled": True}
    colour = {"filterName": "Red", "filterKind": "color_filter_v2", "filterEnabled": True}
    off = delay | {"filterEnabled": False}
    filters = [delay | {"filterSettings": {"delay_ms": 200}}, colour | {"filterSettings": {}}, off]
    obs.filters["streamcam"] = filters
    (said,) = checked(page)[1]
    assert said.startswith("source 'streamcam': its filter 'Late' makes it 200 ms late: take")


@pytest.mark.parametrize(
    ("rate", "fps", "said"),
    [
        ((30, 1), 30, None),
        ((60, 1), 30, None),
        ((30000, 1001), 30, None),
        ((60, 1), 25, "motion judders: streamcam --fps 60"),
        ((30, 1), 60, "some are never seen: in OBS, Settings → Video → FPS 60, or streamcam --f"),
        ((60000, 1001), 59.94, None),
    ],
)
def test_rates(obs, with_obs, checked, page, rate, fps, said):
    with_obs(lambda made: put(made, None, page, ()))
    obs.rate = rate
    wrong = checked(replace(page, fps=fps))[1]
    assert [said in one for one in wrong] == ([True] if said else [])


def test_sound_that_is_early(obs, with_obs, checked, page):
    with_obs(lambda made: put(made, None, page, ()))
    obs.add("Mic/Aux", "pulse_input_capture")
    (said,) = checked(page, camera_ms=40)[1]
    assert said == (
        "microphone 'Mic/Aux': sync offset 0 ms, and the picture is 140 late: streamcam obs holds "
        "it, as long as it runs"
    )
    assert checked(replace(page, latency_ms=0.0))[1] == [], "nothing was measured yet"


def test_a_scene_that_obs_does_not_have(obs, with_obs, checked, page):
    with_obs(lambda made: put(made, None, page, ()))
    (said,) = checked(replace(page, scenes={"Pause": "card"}))[1]
    assert said.startswith("scene 'Pause' of the preset is none of OBS's: Scene, Game, BRB: write")
