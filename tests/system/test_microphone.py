"""The microphone in a recording over the real thing: PipeWire, its PulseAudio, and the library."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from debian import program
from pipewire_session import Session

from tests.streamcam.real_command import SMALL, Command, wait_until
from tests.streamcam.sounding_film import clicks

pytestmark = pytest.mark.system

NAME = "Clapper"
RATE = 48_000
TRIES = 3  # a busy machine may hold the sound up
_PRESET = """
prompt = "anime style, cel shading"
[output]
size = "256x144"
audio = "{audio}"
"""
_ROOM = "Room"  # what is played there, the microphone hears
_MICROPHONE = (
    *("-c", "1", "-m", "[ MONO ]"),
    f"--capture-props=media.class=Audio/Sink node.name={_ROOM}",
    f"--playback-props=media.class=Audio/Source node.name={NAME} node.description={NAME}",
)


@pytest.fixture
def session() -> Iterator[Session]:
    made = Session()
    yield made
    made.close()


@pytest.fixture
def claps(session: Session, tmp_path: Path) -> Iterator[Session]:
    """The session, with a microphone in which somebody claps every second."""
    session.start_pulse()
    room = session.popen(program("pw-loopback"), *_MICROPHONE)
    session.node(NAME)
    samples = np.zeros(RATE * 60, np.int16)
    for second in range(60):
        samples[second * RATE : second * RATE + 200] = 24_000
    with wave.open(str(tmp_path / "claps.wav"), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    player = session.popen(
        program("pw-cat"), "--playback", "--target", _ROOM, str(tmp_path / "claps.wav")
    )
    yield session
    for process in (player, room):
        process.kill()
        process.wait(20)


@pytest.fixture
def run(session: Session, tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """The real command, with a look that records so."""
    commands: list[Command] = []

    def start(audio: str) -> Command:
        (tmp_path / "look.toml").write_text(_PRESET.format(audio=audio))
        arguments = ("--preset", "look.toml", "--source", "demo", "--output", "out.mp4", "--no-web")
        commands.append(Command(tmp_path, *arguments, *SMALL, **session.environment))
        return commands[-1]

    yield start
    for command in commands:
        command.close()


@pytest.mark.parametrize("audio", ["microphone", "clap"])
def test_what_is_said_is_in_the_recording(claps, run, tmp_path, audio) -> None:
    for left in reversed(range(TRIES)):
        heard = recorded(run(audio), tmp_path)
        assert len(heard) >= 2
        even = pytest.approx([1.0] * (len(heard) - 1), abs=0.02)
        if not left or np.diff(heard) == even:
            break
    assert np.diff(heard) == even


def recorded(command: Command, folder: Path) -> list[float]:
    """Seconds of the claps in some seconds of film."""
    assert f"; sound: {NAME}, as AAC)" in command.until("output:")
    command.live()
    part = folder / "out.mp4.part"
    wait_until(lambda: part.exists() and part.stat().st_size > 150_000, "some seconds of film")
    assert command.stop() == 0
    assert command.errors == []
    heard = clicks(folder / "out.mp4")
    (folder / "out.mp4").unlink()
    return heard


def test_a_session_without_a_microphone_records_the_picture(session, run, tmp_path) -> None:
    session.start_pulse()
    command = run("microphone")
    assert "; no sound: no microphone is connected)" in command.until("output:")
    command.live()
    assert command.stop() == 0


def test_a_session_without_sound_records_the_picture(session, run, tmp_path) -> None:
    command = run("microphone")
    assert "; no sound: no sound server answers)" in command.until("output:")
    command.live()
    assert command.stop() == 0


def test_the_list_names_it(claps, tmp_path) -> None:
    command = Command(tmp_path, "devices", **claps.environment)
    try:
        assert command.end() == 0
        assert f"{NAME}\tthe system's choice" in command.said
    finally:
        command.close()
