"""`streamcam obs` with the real OBS: it makes the source, follows the scenes, sets the sound."""

import signal
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from obs_studio import ObsStudio
from real_command import Command, wait_until

from streamcam.flow.curtain import card

pytestmark = pytest.mark.system

SIZE = (640, 360)
PRESET = """
prompt = "blueprint, technical drawing, white lines on blue"
strength = 0.9
[looks]
thermal = "thermal camera, heat map"
[obs.scenes]
Game = "thermal"
"Be right back" = "card"
[output]
size = "640x360"
fps = 30
"""


@pytest.fixture
def running(launch, folder: Path, obs: ObsStudio) -> Command:
    """The program at work, and an OBS with a microphone and scenes."""
    (folder / "look.toml").write_text(PRESET)
    obs.add_microphone("Mic/Aux")
    for scene in ("Game", "Be right back"):
        obs.add_scene(scene)
    source = ("--source", "demo", "--size", "256x144")
    return launch("--preset", "look.toml", *source, "--output", "null").live()


@pytest.fixture
def command(launch, folder: Path, obs: ObsStudio) -> Callable[..., Command]:
    """`streamcam obs ARGUMENTS`, by the user whose OBS this is."""
    runtime = folder.with_name(f"{folder.name}-home") / "run"

    def start(*arguments: str) -> Command:
        return launch("obs", *arguments, HOME=str(obs.home), XDG_RUNTIME_DIR=str(runtime))

    return start


def test_it_makes_the_source_follows_the_scenes_and_sets_the_sound(
    running: Command, command, obs: ObsStudio, tmp_path: Path
) -> None:
    one = command()
    one.until("source: 'streamcam' made in the scene 'Scene': Media Source")
    address = f"http://127.0.0.1:{running.port}/stream.mkv"
    assert obs.settings("streamcam")["input"] == address
    wait_until(lambda: obs.size("streamcam") == SIZE, "its picture")
    line = one.until("audio: 'Mic/Aux'")
    assert 0 < obs.sync_offset("Mic/Aux") < 500
    assert f"'Mic/Aux' {obs.sync_offset('Mic/Aux')} ms late" in line
    cv2.imwrite(str(tmp_path / "scene.png"), obs.picture(obs.scene, (1280, 720))[:, :, ::-1])

    for scene, said in (("Game", "look thermal"), ("Be right back", "curtain card")):
        obs.switch_to(scene)
        one.until(f"scene: {scene}, {said}")
    wait_until(lambda: running.stats()["look"] == "thermal", "the look")
    shown = card(SIZE)
    wait_until(lambda: _alike(obs.picture("streamcam", SIZE), shown), "the card in OBS")
    cv2.imwrite(str(tmp_path / "card.png"), obs.picture("streamcam", SIZE)[:, :, ::-1])
    obs.switch_to(obs.scene)
    one.until("scene: Scene, curtain live")
    wait_until(lambda: not _alike(obs.picture("streamcam", SIZE), shown), "the picture in OBS")

    assert one.stop(signal.SIGINT) == 0
    assert one.said[-1] == "audio: 'Mic/Aux' is back at 0 ms"
    assert obs.sync_offset("Mic/Aux") == 0
    assert one.errors == []


def test_it_waits_for_an_obs_that_starts_again(running: Command, command, obs: ObsStudio) -> None:
    one = command()
    one.until("audio: 'Mic/Aux'")
    obs.close()
    one.until("OBS: OBS does not run: start it")
    before = len(one.said)
    obs.start()
    one.until("source: 'streamcam' is as it should be", before)
    wait_until(lambda: obs.size("streamcam") == SIZE, "its picture")
    wait_until(lambda: obs.sync_offset("Mic/Aux") > 0, "its sync offset")
    assert running.stop() == 0
    assert one.end() == 0
    assert obs.sync_offset("Mic/Aux") == 0, "OBS had saved ours, and what was there before us"


def test_check_says_what_is_wrong_and_obs_mends_it(
    running: Command, command, obs: ObsStudio
) -> None:
    obs.add_media_source("Cam", f"http://127.0.0.1:{running.port}/stream.mjpg", "mpjpeg")
    wait_until(lambda: obs.size("Cam") == SIZE, "its picture")
    look = command("check")
    assert look.end() == 1
    assert "! source 'Cam': it shows another address: streamcam obs mends it" in look.said
    one = command()
    one.until("source: 'Cam' mended: it shows another address")
    one.until("audio:")
    wait_until(lambda: obs.size("Cam") == SIZE, "its picture")
    look = command("check")
    assert look.end() == 0, look.said
    assert all(line.startswith("✓") for line in look.said)


def test_an_obs_whose_server_is_off(running: Command, command, obs: ObsStudio) -> None:
    settings = obs.home / ".config" / "obs-studio" / "global.ini"
    told = settings.read_text(encoding="utf-8-sig")
    obs.close()
    settings.write_text(told.replace("ServerEnabled=true", "ServerEnabled=false"))
    obs.start_deaf()
    look = command("check")
    assert look.end() == 1
    (line,) = look.said
    assert line.startswith("✗ OBS: OBS's WebSocket server is off: in OBS, Tools → WebSocket Server")


def _alike(one, other) -> bool:
    return one is not None and cv2.absdiff(one, other).mean() < 6
