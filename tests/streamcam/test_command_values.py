"""Values of the real program, from other processes: seen at once, saved, and back to the file's."""

import json
import socket
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg
from real_command import Command, wait_until

PHOTO = Path(__file__).parents[1] / "data" / "photo.jpg"
NEON = "cyberpunk, neon lights, glowing edges, neon glow, futuristic, sci-fi, highly detailed"
SKETCH = "pencil sketch, graphite drawing, hatching, hand drawn, drawing on paper, highly detailed"
PRESET = f"""# mine
prompt = "{NEON}"  # the words
guidance_mode = "self"
crossfade = 0.2
size = "160x128"
[gate]
policy = "always"
[output]
size = "160x128"
fps = 10
"""


def colour(pixels: np.ndarray) -> float:
    """Mean saturation, 0 … 255."""
    return float(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)[:, :, 1].mean())


@pytest.fixture
def running(launch: Callable[..., Command], folder: Path) -> Command:
    (folder / "mine.toml").write_text(PRESET)
    command = launch("--preset", "mine.toml", "--source", str(PHOTO), "--output", "web").live()
    wait_until(lambda: command.stats()["frames_out"] > 10, "a second of pictures")
    return command


def told(launch, *arguments: str) -> str:
    command = launch(*arguments)
    assert (command.end(), command.errors) == (0, [])
    return "\n".join(command.said)


def test_a_value_is_played_saved_and_the_file_wins_again(running, launch, folder: Path) -> None:
    neon = colour(running.picture())
    lines = len(running.said)
    assert told(launch, "set", "prompt", SKETCH) == f"prompt: {SKETCH}"
    wait_until(lambda: colour(running.picture()) < 0.6 * neon, "the drawing")
    told(launch, "set", "gate.max_skip", "3")
    assert told(launch, "get", "prompt") == SKETCH
    assert "strength\t0.5\ta number above 0 and at most 1" in told(launch, "get").splitlines()

    refused = launch("set", "strength", "3")
    assert refused.end() == 2
    assert refused.errors == [
        "streamcam: strength = 3.0 is not allowed: must be a number above 0 and at most 1."
    ]

    assert told(launch, "save", "mine").startswith("saved: ")
    text = (folder / "mine.toml").read_text()
    assert text.startswith(f'# mine\nprompt = "{SKETCH}"  # the words\n')
    assert "max_skip = 3" in text

    told(launch, "set", "strength", "0.4")
    (folder / "mine.toml").write_text(PRESET)
    running.until("preset: mine was saved", lines)
    wait_until(lambda: colour(running.picture()) > 0.8 * neon, "the file's own look")
    assert told(launch, "get", "strength") == "0.5"
    assert told(launch, "get", "gate.max_skip") == "10"
    said = [line for line in running.said if "was saved" in line]
    assert len(said) == 1, "the watch found nothing new in what the program wrote itself"
    assert running.stop() == 0
    assert running.errors == []


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_it_is_played_by_osc(launch: Callable[..., Command], folder: Path) -> None:
    (folder / "mine.toml").write_text(PRESET)
    port = free_port()
    run = ("--preset", "mine.toml", "--source", str(PHOTO), "--output", "web")
    running = launch(*run, "--osc", str(port)).live()
    assert running.until("osc:") == f"osc: udp://127.0.0.1:{port}/streamcam/…"
    neon = colour(running.picture())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.settimeout(60)
        out.connect(("127.0.0.1", port))
        out.send(b"#bundle\0" + b"\0" * 7 + b"\1" + b"\xff\xff\xff\xfc")
        out.send(build_msg("/streamcam/prompt", [SKETCH]).dgram)
        wait_until(lambda: colour(running.picture()) < 0.6 * neon, "the drawing")
        out.send(build_msg("/streamcam/prompt", []).dgram)
        assert OscMessage(out.recv(65536)).params == [SKETCH]
    assert json.loads(running.get("/api/control"))["osc"]["broken"] == 1
    taken = launch(*run, "--osc", str(port))
    assert taken.end() == 2
    assert taken.errors[0].startswith(f"streamcam: OSC at {port}: Address already in use")
    assert running.stop() == 0
    assert running.errors == []


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--osc", "nowhere"), "--osc nowhere is not allowed: must be PORT, or ADDRESS:PORT"),
        (("--osc", "9000", "--realtime", "off"), "--osc plays what is live"),
    ],
)
def test_what_cannot_be_played_is_refused_at_once(launch, arguments, why) -> None:
    command = launch("--source", str(PHOTO), "--output", "null", *arguments)
    assert (command.end(), len(command.errors)) == (2, 1)
    assert command.errors[0].startswith(f"streamcam: {why}")
