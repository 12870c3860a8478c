"""OBS Studio takes the page's stream as a Media Source, as the README says, and shows the look."""

from pathlib import Path

import cv2
import numbered_card
import numpy as np
import pytest
from obs_studio import ObsStudio
from real_command import Command, wait_until

pytestmark = pytest.mark.system

SIZE = (640, 360)
PRESET = """
prompt = "blueprint, technical drawing, white lines on blue"
strength = 0.9
guidance_mode = "self"
[output]
size = "{}x{}"
fps = 15
"""
SAME, DIFFERENT = 6, 40  # mean difference of two pictures, 0 … 255: JPEG's, and another picture's


@pytest.fixture
def running(launch, folder: Path) -> Command:
    """The program at work on a still picture, which it turns into a blueprint."""
    picture = cv2.resize(numbered_card.card(5), SIZE, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(folder / "card.png"), picture[:, :, ::-1])
    (folder / "look.toml").write_text(PRESET.format(*SIZE))
    source = ("--source", "card.png", "--size", "256x144")
    return launch("--preset", "look.toml", *source, "--output", "web").live()


@pytest.fixture(params=[("stream.mjpg", "mpjpeg"), ("stream.mkv", "")], ids=["mjpg", "mkv"])
def media_source(request, running: Command, obs: ObsStudio) -> None:
    """A Media Source of OBS on either form of the live picture; only one has a format to type."""
    name, input_format = request.param
    obs.add_media_source("streamcam", f"http://127.0.0.1:{running.port}/{name}", input_format)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    return np.abs(one.astype(int) - other).mean()


@pytest.mark.usefixtures("media_source")
def test_it_shows_the_look_and_never_the_camera(running, obs: ObsStudio, tmp_path: Path) -> None:
    raw = cv2.resize(numbered_card.card(5), SIZE, interpolation=cv2.INTER_AREA)

    def shows_it() -> bool:
        picture = obs.picture("streamcam", SIZE)
        return picture is not None and difference(picture, running.picture()) < SAME

    wait_until(shows_it, "the program's own picture in OBS")
    picture = obs.picture("streamcam", SIZE)
    cv2.imwrite(str(tmp_path / "obs.png"), picture[:, :, ::-1])
    assert difference(picture, raw) > DIFFERENT
    red, green, blue = picture.mean((0, 1))
    assert blue > max(red, green), "white lines on blue"


@pytest.mark.usefixtures("media_source")
def test_it_follows(running: Command, launch, obs: ObsStudio) -> None:
    """The stream is live: what is done to the picture is in OBS soon after."""

    def brightest() -> int:
        picture = obs.picture(obs.scene, SIZE)
        return 0 if picture is None else int(picture.max())

    wait_until(lambda: brightest() > 150, "the picture in the scene")
    assert launch("curtain", "off").end() == 0
    wait_until(lambda: brightest() < 16, "the curtain in OBS")
    assert launch("curtain", "live").end() == 0
    wait_until(lambda: brightest() > 150, "the picture again")
