"""NDI for real: announced, found, received. The library is the `ndi` extra's, on both ends."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from time import perf_counter
from uuid import uuid4

import cv2
import numpy as np
import pytest
from numbered_card import HEIGHT, WIDTH, card
from real_command import LONG, wait_until

from streamcam.clock import Ticker
from streamcam.errors import UsageError
from streamcam.frames import Frame
from streamcam.sink import Format
from streamcam.sink.ndi import Ndi, open_sink

pytestmark = pytest.mark.system

FORM = Format(WIDTH, HEIGHT, 30.0)
CLOSE = 12  # of 255, what NDI's codec does to a flat colour
PRESET = f"""
prompt = "as it is"
[output]
size = "{WIDTH}x{HEIGHT}"
fps = 20
"""
# Without avahi-daemon, which needs a system bus: this machine is asked for its sources.
LOCAL = '{"ndi": {"networks": {"ips": "127.0.0.1"}}}'


@pytest.fixture
def name() -> str:
    """Of a source that no other test has."""
    return f"streamcam {uuid4().hex[:8]}"


@pytest.fixture
def receive(tmp_path: Path, name: str) -> Iterator[Callable[[int], subprocess.Popen[str]]]:
    """Start a receiver of `count` pictures; each is a line of JSON, see ndi_receiver.py."""
    (tmp_path / "ndi-config.v1.json").write_text(LOCAL)
    receivers = []

    def start(count: int) -> subprocess.Popen[str]:
        receivers.append(
            subprocess.Popen(
                [
                    sys.executable,
                    str(Path(__file__).with_name("ndi_receiver.py")),
                    name,
                    str(count),
                ],
                env=os.environ | {"NDI_CONFIG_DIR": str(tmp_path)},
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return receivers[-1]

    yield start
    for receiver in receivers:
        receiver.kill()
        receiver.communicate()


@pytest.fixture
def sending(name: str) -> Iterator[Ndi]:
    """A sink that is given card 0, 1, 2 …, one a tick."""
    sink, stop = open_sink(name, FORM), Event()

    def send() -> None:
        ticker = Ticker(FORM.fps)
        ticker.restart()
        number = 0
        while ticker.wait(stop):
            sink.write(Frame(card(number), number, perf_counter()))
            number += 1
        sink.close()

    thread = Thread(target=send)
    thread.start()
    yield sink
    stop.set()
    thread.join(LONG)
    assert not thread.is_alive()


def test_every_picture_arrives_in_its_order_colours_and_size(sending, receive) -> None:
    output, _ = receive(60).communicate(timeout=LONG)
    received = [json.loads(line) for line in output.splitlines()]
    numbers = np.array([number for number, *_ in received])
    assert len(numbers) == 60
    assert (np.diff(numbers) > 0).all(), numbers
    assert max(off for _, off, *_ in received) <= CLOSE
    assert {tuple(form) for _, _, *form in received} == {(WIDTH, HEIGHT, FORM.fps)}


def test_it_knows_whether_anybody_watches(sending, receive) -> None:
    assert not sending.watched
    receiver = receive(100_000)
    wait_until(lambda: sending.watched, "the receiver")
    receiver.kill()
    wait_until(lambda: not sending.watched, "its end")


def test_a_name_that_is_taken(sending, name: str) -> None:
    with pytest.raises(UsageError, match=rf"does not take the name '{name}'.*--output ndi:NAME"):
        open_sink(name, FORM)


def test_the_real_command(launch, receive, folder: Path, name: str) -> None:
    (folder / "look.toml").write_text(PRESET)
    cv2.imwrite(str(folder / "card.png"), card(7)[:, :, ::-1])
    as_it_is = ("--backend", "null", "--size", f"{WIDTH}x{HEIGHT}")
    command = launch(
        *("--preset", "look.toml", "--source", "card.png", *as_it_is),
        *("--output", f"ndi:{name}", "--no-web"),
    ).live()
    assert f"NDI source '{name}'" in command.until("output:")
    output, _ = receive(30).communicate(timeout=LONG)
    received = [json.loads(line) for line in output.splitlines()]
    assert [number for number, *_ in received] == [7] * 30, "it keeps its time"
    assert max(off for _, off, *_ in received) <= CLOSE
    assert received[-1][2:] == [WIDTH, HEIGHT, 20.0]
    assert command.stop() == 0
    assert command.errors == []
