"""Sound for calls: a clap that is heard and seen comes to a call at the same time on both ways."""

from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import pytest
import sound_and_light
from pipewire_session import Session
from sound_and_light import Program, clapping

from tests.streamcam.real_command import Command, wait_until

pytestmark = pytest.mark.system

WIDTH, HEIGHT = sound_and_light.SIZE
COUNT = 8  # claps, of which the median counts
TRIES = 4
NOTICED = 0.045  # seconds that sound may be early before people notice (ITU-R BT.1359)


@pytest.fixture
def ears(session: Session) -> Iterator[Callable[[str], Program]]:
    """A function: a program that listens to a node."""
    programs: list[Program] = []

    def starter(node: str) -> Program:
        programs.append(Program(session, "listen", node))
        return programs[-1]

    yield starter
    for program in programs:
        program.close()


@pytest.fixture
def claps(session: Session) -> Iterator[None]:
    with clapping(session):
        yield


@pytest.fixture
def call(session: Session, tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """Start the real program with a camera that sees the claps, and a microphone for calls."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "look.toml").write_text(sound_and_light.PRESET)
    commands: list[Command] = []

    def starter(*arguments: str) -> Command:
        given = ("--preset", "look.toml", "--source", "demo", "--output", "pipewire", "--no-web")
        program = (sound_and_light.__file__, "camera")
        environment = session.environment
        started = Command(folder, *given, *arguments, program=program, **environment)
        commands.append(started)
        return started.live()

    yield starter
    for one in commands:
        one.close()


def seen(session: Session, count: int) -> Iterator[float]:
    """When a call gets the first bright picture of each clap."""
    form = f"video/x-raw,format=GRAY8,width={WIDTH},height={HEIGHT}"
    with session.gstreamer("streamcam", form, "!", "fdsink", "fd=1") as client:
        bright, found = None, 0
        while found < count:
            picture = np.frombuffer(client.stdout.read(WIDTH * HEIGHT), np.uint8)
            now, was = perf_counter(), bright
            assert len(picture), "the camera is gone"
            bright = bool(picture.mean() > 128)
            if bright and was is False:
                found += 1
                yield now


def error(heard: list[float], lights: list[float]) -> float:
    """How much later the sound came than the light, in seconds; the median."""
    sounds = np.array(heard)
    found = [float(sounds[np.argmin(abs(sounds - light))] - light) for light in lights]
    print([round(1000 * one) for one in found])
    return median(one for one in found if abs(one) < sound_and_light.PERIOD / 2)


@pytest.mark.usefixtures("claps")
def test_sound_comes_with_the_picture(session: Session, ears, call) -> None:
    command = call("--audio", "delay")
    command.until("audio: it hears your microphone")
    raw, delayed = ears("claps"), ears("streamcam-microphone")
    wait_until(lambda: raw.came and delayed.came, "sound")
    command.until("ms late, as the picture is")
    for _ in range(TRIES):  # a busy machine can hold a picture up on its way to the call
        lights = list(seen(session, COUNT))
        wait_until(lambda: min(raw.came[-1], delayed.came[-1]) > lights[-1], "the last sound")  # noqa: B023
        before, after = error(raw.came, lights), error(delayed.came, lights)
        print(f"A/V error: {1000 * before:.0f} ms before, {1000 * after:.0f} ms after")
        assert before < -NOTICED, "the picture is not late enough to tell"
        if abs(after) < NOTICED:
            return
    pytest.fail("sound and picture are apart by more than people notice")


def test_no_microphone_is_one_line_and_one_that_comes_is_heard(session, ears, call) -> None:
    command = call("--audio", "delay")
    command.until("audio: there is no microphone; the picture goes on")
    assert len(list(seen(session, 2))) == 2, "the picture goes on"
    with clapping(session):
        command.until("audio: it hears your microphone")
        heard = ears("streamcam-microphone")
        wait_until(lambda: len(heard.came) > 2, "sound")
    assert command.stop() == 0
    assert not command.errors
    assert not session.has("streamcam-microphone"), "it goes with the program"


def test_a_pipewire_that_is_restarted_gets_the_microphone_again(session, call) -> None:
    session.add_microphone("claps")
    command = call("--audio", "delay")
    command.until("audio: it hears your microphone")
    before = len(command.said)
    session.kill_pipewire()
    command.until("audio: the microphone is lost", before)
    session.start_pipewire()
    wait_until(lambda: session.has("streamcam-microphone"), "the microphone")
    command.until("audio: there is no microphone", before)  # the test's went with PipeWire
    assert len(list(seen(session, 1))) == 1, "and the camera"
