"""The real program while its source is damaged, falls silent or breaks off: the picture stays."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby
from pathlib import Path
from threading import Event
from time import perf_counter, sleep

import numbered_video
import numpy as np
import pytest
from real_command import Command, wait_until

FPS, PICTURES = 25, 100
PRESET = """
prompt = "whatever: the null backend shows its input"
backend = "null"
size = "256x144"
[gate]
policy = "always"
[output]
size = "256x144"
fps = 30
"""


@pytest.fixture
def film(folder: Path) -> Path:
    """Four seconds of numbered pictures, every tenth of them whole. And `look.toml`."""
    (folder / "look.toml").write_text(PRESET)
    path = folder / "film.ts"
    numbered_video.write_stream(path, PICTURES, FPS)
    return path


class Station:
    """Broadcasts a film over HTTP for ever, at its own pace; `close` it.

    silent  set: the connection stays and nothing comes
    off     set: connections end, and new ones are refused
    """

    def __init__(self, film: bytes) -> None:
        self.silent, self.off = Event(), Event()
        station = self

        class Viewer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if station.off.is_set():
                    self.send_error(503)
                    return
                self.send_response(200)
                self.send_header("Content-Type", "video/mp2t")
                self.end_headers()
                with suppress(ConnectionError):  # the viewer has gone
                    station._send(self.wfile)

            def log_message(self, *_arguments: object) -> None:
                pass

        self._film = film
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Viewer)
        self.address = f"http://127.0.0.1:{self._server.server_port}/live.ts"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.off.set()
        self.silent.clear()
        self._server.shutdown()
        self._server.server_close()

    def _send(self, viewer) -> None:
        piece = 188 * 7
        pause = piece / len(self._film) * PICTURES / FPS
        due = perf_counter()
        while True:
            for place in range(0, len(self._film), piece):
                while self.silent.is_set():
                    sleep(0.05)
                    due = perf_counter()
                if self.off.is_set():
                    return
                viewer.write(self._film[place : place + piece])
                due += pause
                sleep(max(0.0, due - perf_counter()))


@pytest.fixture
def station(film: Path) -> Iterator[Station]:
    made = Station(film.read_bytes())
    yield made
    made.close()


def numbers(command: Command, count: int) -> list[int]:
    """In the next pictures that it shows."""
    stream = command.pictures()
    return [numbered_video.number_in(next(stream)) for _ in range(count)]


def moves(command: Command) -> bool:
    """Whether the pictures go on, and forward."""
    steps = np.diff(numbers(command, 20)) % PICTURES
    return np.count_nonzero(steps) >= 5 and steps.max() < PICTURES / 2


@pytest.mark.parametrize("fault", ["silent", "off"])
def test_a_stream_that_falls_silent_or_breaks_off_comes_back(
    launch: Callable[..., Command], station: Station, folder: Path, fault: str
) -> None:
    command = launch("--preset", "look.toml", "--source", station.address, "--output", "out.mkv")
    command.live()
    wait_until(lambda: moves(command), "a picture that moves")
    for _ in range(2):
        getattr(station, fault).set()
        wait_until(lambda: "trying again" in command.stats()["notice"], "the notice")
        before = command.stats()
        assert "live.ts" in before["notice"]
        enough = before["repeats"] + 30
        wait_until(lambda: command.stats()["repeats"] >= enough, "thirty ticks")  # noqa: B023
        assert command.stats()["frames_in"] == before["frames_in"]
        getattr(station, fault).clear()
        wait_until(lambda: command.stats()["notice"] == "", "the end of the notice")
        wait_until(lambda: moves(command), "a picture that moves again")
    assert command.stop() == 0
    assert command.errors == []
    # What was shown meanwhile is in the recording: the last picture, tick after tick. The very
    # last one of a stream may come out of its decoder only as the connection ends.
    shown = numbered_video.numbers(folder / "out.mkv")
    held = [len(list(group)) for _, group in groupby(shown)]
    assert 2 <= sum(length >= 30 for length in held) <= 4, held


def test_a_damaged_file_plays_on(launch: Callable[..., Command], film: Path) -> None:
    content = bytearray(film.read_bytes())
    middle = len(content) // 2
    content[middle : middle + len(content) // 10] = bytes(len(content) // 10)
    film.write_bytes(content[: -len(content) // 10])  # and cut short
    command = launch("--preset", "look.toml", "--source", "film.ts", "--output", "null").live()
    seen = set()

    def both() -> bool:  # it is played over and over
        seen.update(numbers(command, 30))
        return min(seen) < PICTURES * 0.3 and max(seen) > PICTURES * 0.7

    wait_until(both, "what lies on both sides of the damage")
    wait_until(lambda: moves(command), "a picture that moves: it begins again")
    assert command.stop() == 0
    assert command.errors == []
