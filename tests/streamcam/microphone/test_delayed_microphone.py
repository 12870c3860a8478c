"""The program's side: its process is begun, told, mended and ended, and people hear of it."""

import os
import sys
import time

import pytest

from streamcam.microphone import DelayedMicrophone
from streamcam.microphone.process import Orders
from streamcam.obstacles import Obstacle

NOISY = """
import sys
print("ready", flush=True)
print("there", flush=True)
for line in sys.stdin:
    print("told " + line.strip(), flush=True)
"""
DYING = """
import os, sys
path = sys.argv[1]
if os.path.exists(path):
    print("there", flush=True)
    sys.stdin.read()
else:
    open(path, "w").close()
    print("some warning", file=sys.stderr)
    print("the connection broke", file=sys.stderr)
    sys.exit(1)
"""
STUBBORN = "import time; print('ready', flush=True); time.sleep(600)"


@pytest.fixture
def make(monkeypatch):
    """A microphone with this script for its process: it and what it says."""
    monkeypatch.setattr("streamcam.microphone._READING_SECONDS", 0.0)
    monkeypatch.setattr("streamcam.clock.backoff._FIRST_SECONDS", 0.05)
    made = []

    def begin(script="", *arguments, **options):
        said = []
        command = (sys.executable, "-c", script, *arguments)
        made.append(DelayedMicrophone(said.append, command=command, **options))
        return made[-1], said

    yield begin
    for one in made:
        one.close()
        one.close()


def follow(microphone, said, until, latency=0.0):
    end = time.perf_counter() + 60
    while not any(until in line for line in said):
        assert time.perf_counter() < end, said
        microphone.follow(latency)
        time.sleep(0.01)


def test_the_process_is_told_how_late_to_be(make):
    microphone, said = make(NOISY, extra_ms=30)
    follow(microphone, said, "it hears your microphone")
    assert said == [
        "audio: 'streamcam microphone' is there for calls; choose it where you chose the camera",
        "audio: it hears your microphone",
    ]
    follow(microphone, said, "told 130", latency=100)
    assert "audio: 130 ms late, as the picture is" in said
    follow(microphone, said, "told 155", latency=125)  # within 40 ms, so without a word
    follow(microphone, said, "told 330", latency=300)
    assert [line for line in said if "as the picture is" in line] == [
        "audio: 130 ms late, as the picture is",
        "audio: 330 ms late, as the picture is",
    ]


def test_no_microphone_is_one_line(make):
    microphone, said = make("print('none', flush=True); input()")
    follow(microphone, said, "there is no microphone; the picture goes on")
    assert len(said) == 1


def test_a_process_that_dies_is_begun_again_and_told_at_once(make, tmp_path):
    microphone, said = make(DYING, str(tmp_path / "died"))
    follow(microphone, said, "it hears your microphone")
    assert said == [
        "audio: the microphone is lost: the connection broke; trying again",
        "audio: it hears your microphone",
    ]


def test_a_process_that_always_dies_is_said_once(make):
    microphone, said = make("raise SystemExit(3)")
    for _ in range(100):
        microphone.follow(100)
        time.sleep(0.01)
    assert [line for line in said if "lost" in line] == [
        "audio: the microphone is lost: its process ended with 3; trying again"
    ]


def test_a_program_that_cannot_be_begun(make):
    said = []
    microphone = DelayedMicrophone(said.append, command=("/nowhere/python",))
    for _ in range(3):
        microphone.follow(0)
    (line,) = said
    assert line.lower().startswith("audio: the microphone cannot be begun: no such file")


def test_one_that_does_not_end_is_killed(make):
    microphone, said = make(STUBBORN)
    follow(microphone, said, "is there for calls")
    process = microphone._child._process
    microphone.close()
    assert process.returncode == -9


def test_without_pipewire_the_number_is_said(make):
    obstacle = Obstacle("PipeWire is part of Linux desktops", "use another")
    microphone, said = make("raise SystemExit(1)", obstacle=obstacle)
    for latency in [0.0] * 3 + [87.4] * 9 + [95] * 9 + [200] * 9:
        microphone.follow(latency)
    assert said == [
        "audio: no microphone of ours here, as PipeWire is part of Linux desktops",
        *(
            f"audio: the picture is {late} ms late; set the sound in your program as late (in OBS, "
            "streamcam obs does it)"
            for late in (87, 200)
        ),
    ]


def test_the_newest_order_counts():
    reading, writing = os.pipe()
    orders = Orders(reading)
    os.write(writing, b"10\n20\n3")
    assert orders.newest() == 20
    os.write(writing, b"0\n")
    assert orders.newest() == 30
    assert orders.newest() is None
    os.close(writing)
    assert orders.newest() is None
    assert orders.ended
    os.close(reading)
