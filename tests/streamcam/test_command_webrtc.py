"""The real program with a camera and a viewer over WebRTC."""

import re
from pathlib import Path

import numpy as np
import pytest
from real_command import Command, wait_until
from webrtc_peers import Camera, Player, send

PRESET = """
prompt = "anime style"
size = "256x144"
[gate]
policy = "always"
[resolve]
mode = "off"
[output]
size = "640x360"
"""
ORANGE, TEAL = (230, 120, 40), (20, 140, 150)


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (640, 360)) -> np.ndarray:
    return np.full((size[1], size[0], 3), colour, np.uint8)


def seen(player: Player, colour: tuple[int, int, int]) -> bool:
    """The middle of the picture has that colour: matrix and range are right on both ways."""
    if player.picture is None:
        return False
    assert player.picture.shape == (360, 640, 3)
    middle = player.picture[100:-100, 100:-100].reshape(-1, 3).mean(0)
    return bool(np.abs(middle - colour).max() < 5)


@pytest.fixture
def running(launch, folder: Path) -> Command:
    (folder / "look.toml").write_text(PRESET)
    return launch(
        *("--preset", "look.toml", "--source", "whip", "--output", "whep", "--backend", "null")
    )


def offered(command: Command, what: str) -> tuple[str, str]:
    """Address and token."""
    found = re.search(r"(http://\S+) \(bearer token (\S+)\)", command.until(what))
    assert found is not None
    return found[1], found[2]


@pytest.mark.slow
def test_a_camera_comes_goes_and_comes_back(running: Command) -> None:
    whip, whep = offered(running, "camera:"), offered(running, "viewers:")
    wait_until(lambda: running.stats()["notice"] == "no camera has come over WebRTC yet")
    shown = plain(ORANGE)
    camera, player = Camera(*whip, lambda: shown), Player(*whep)
    wait_until(lambda: seen(player, ORANGE), "the camera's picture at the viewer")
    wait_until(lambda: not running.stats()["notice"], "no notice")
    shown = plain(TEAL, (320, 240))  # as senders do where the network is slow
    wait_until(lambda: seen(player, TEAL), "its smaller picture")
    assert camera.close() == 200
    wait_until(lambda: "the camera over WebRTC has gone" in running.stats()["notice"], "a notice")
    wait_until(lambda: not seen(player, TEAL), "the card in its place")
    shown = plain(ORANGE)
    Camera(*whip, lambda: shown)  # and another, which takes its place
    other = Camera(*whip, lambda: plain(TEAL))
    wait_until(lambda: seen(player, TEAL), "the camera that came last")
    other.vanish()
    wait_until(lambda: "the camera over WebRTC has" in running.stats()["notice"], "a notice")
    assert running.stop() == 0
    wait_until(lambda: player.over, "the end at the viewer")
    player.vanish()
    assert running.errors == []


def test_what_is_no_offer_is_refused(running: Command) -> None:
    (whip, token), (whep, _) = offered(running, "camera:"), offered(running, "viewers:")
    sdp = {"Content_Type": "application/sdp", "Authorization": f"Bearer {token}"}
    for url in (whip, whep):
        assert send("POST", url, "v=0", Content_Type="application/sdp")[0] == 403
        wrong = sdp | {"Authorization": "Bearer guess"}
        assert send("POST", url, "v=0", **wrong)[0] == 403
        assert send("POST", url, "{}", **sdp | {"Content_Type": "application/json"})[0] == 415
        assert send("POST", url, "x" * 20_000, **sdp)[0] == 413
        assert send("POST", url, "v=0", Origin="http://evil.example", **sdp)[0] == 403
        status, _, said = send("POST", url, "m=video nonsense", **sdp)
        assert (status, "the offer cannot be answered" in said) == (400, True)
        assert send("DELETE", f"{url}/nobody", **sdp)[0] == 404
        assert send("DELETE", f"{url}/nobody")[0] == 403
        assert send("GET", url)[0] == 405
    status, _, said = send("POST", whip, "v=0\r\n", **sdp)
    assert (status, "the offer has no video" in said) == (400, True)
    assert running.stop() == 0
    assert running.errors == []


def test_a_file_is_not_rendered_from_a_camera(launch) -> None:
    command = launch("--source", "whip", "--realtime", "off", "--output", "a.mp4")
    assert command.end() == 2
    assert command.errors == [
        "streamcam: --realtime off renders a file, and --source whip is live."
    ]
