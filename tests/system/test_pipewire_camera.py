"""The PipeWire camera over the real thing: daemon, session manager, portal, GStreamer, browsers."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

import numbered_card
import numpy as np
import pytest
from camera_browser import chromium, firefox, look
from numbered_card import FPS, HEIGHT, WIDTH
from pipewire_session import Session

from streamcam.errors import SinkFailed, UsageError
from streamcam.frames import Frame
from streamcam.sink import Format, open_sink
from streamcam.sink.pipewire.presence import pipewire_obstacle
from tests.streamcam.real_command import LONG, Command, wait_until

pytestmark = pytest.mark.system

SIZE = (WIDTH, HEIGHT)
FORM = Format(WIDTH, HEIGHT, FPS)
ROUNDING = 8  # of YUV, and of matrices that differ a little between programs
FILM = 200  # pictures, ten seconds; then it begins again
PRESET = f"""
prompt = "whatever: the null backend shows its input"
backend = "null"
size = "{WIDTH}x{HEIGHT}"
[gate]
policy = "always"
rest = 1
[output]
size = "{WIDTH}x{HEIGHT}"
fps = {FPS}
"""


@pytest.fixture
def inside(session: Session, monkeypatch: pytest.MonkeyPatch) -> Session:
    """The session, with this process in it."""
    for name, value in session.environment.items():
        monkeypatch.setenv(name, value)
    return session


@pytest.fixture
def command(session: Session, tmp_path: Path) -> Iterator[Command]:
    """The real one, with a film of numbers and colours, live on the output `pipewire`."""
    folder = tmp_path / "here"
    folder.mkdir()
    numbered_card.write(folder / "film.mkv", range(FILM), SIZE, FPS)
    (folder / "same.toml").write_text(PRESET)
    arguments = ("--preset", "same.toml", "--source", "film.mkv", "--output", "pipewire")
    started = Command(folder, *arguments, "--no-web", **session.environment)
    try:
        yield started.live()
    finally:
        started.close()


class Showing:
    """Numbered pictures on a camera, from a thread of its own, until `end`.

    error  what ended it before
    """

    def __init__(self, choice: str) -> None:
        self.camera = open_sink(choice, FORM)
        self.error: Exception | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._show)
        self._thread.start()

    def end(self) -> None:
        self._stop.set()
        self._thread.join()
        self.camera.close()

    def _show(self) -> None:
        number = 0
        while not self._stop.wait(1 / FPS):
            try:
                self.camera.write(frame(number))
            except SinkFailed as error:
                self.error = error
                return
            number += 1


@pytest.fixture
def show(inside: Session) -> Iterator[Callable[[str], Showing]]:
    """A function that shows a camera, `--output` as it is given, in the session."""
    showing: list[Showing] = []

    def begin(choice: str = "pipewire") -> Showing:
        showing.append(Showing(choice))
        return showing[-1]

    yield begin
    for one in showing:
        one.end()


def frame(number: int) -> Frame:
    return Frame(numbered_card.card(number), number, 0.0)


def check(pictures: np.ndarray | list[np.ndarray]) -> None:
    """The colours are right, and the film goes on and never back, as far as this machine can."""
    cards = [numbered_card.read(one) for one in pictures]
    assert max(off for _, off in cards) <= ROUNDING
    numbers = [number for number, _ in cards]
    steps = np.diff(numbers) % FILM  # it begins again at its end
    assert steps.max() < FILM / 2, numbers
    assert np.count_nonzero(steps) >= len(steps) / 3, numbers


# -- the real command ----------------------------------------------------------------------------


def test_the_engine_rests_until_somebody_looks(session, command) -> None:
    heard = 0
    for _ in range(2):
        command.until("the engine rests", after=heard)
        heard = len(command.said)
        check(session.pictures("streamcam", SIZE, 30))


def test_a_daemon_that_dies_under_the_command_and_comes_back(session, command) -> None:
    check(session.pictures("streamcam", SIZE, 10))
    session.kill_pipewire()
    command.until("does not take pictures any more: connection error; opening it again")
    session.start_pipewire()
    check(session.pictures("streamcam", SIZE, 30))
    assert command.stop() == 0
    assert command.errors == []


def test_gstreamer_sees_the_commands_pictures_twice_in_turn(session, command) -> None:
    assert command.until("output:") == "output: PipeWire camera streamcam"
    for _ in range(2):
        pictures = session.pictures("streamcam", SIZE, 60)
        assert len(pictures) == 60
        check(pictures)
    assert command.stop() == 0
    assert command.errors == []
    assert session.cameras("streamcam") == []


@pytest.mark.parametrize("name", ["chromium", "firefox"])
def test_a_browser_sees_the_commands_pictures(session, command, tmp_path, name: str) -> None:
    browsers = {
        "chromium": lambda: chromium(tmp_path, "--enable-features=WebRtcPipeWireCamera"),
        "firefox": lambda: firefox(tmp_path),
    }
    session.allow_cameras()
    wait_until(session.portal_has_a_camera, "a camera in the portal")
    seen = look(session.popen, browsers[name]())
    assert (seen.label, seen.size) == ("streamcam", SIZE)
    check(seen.pictures)
    assert command.stop() == 0
    assert command.errors == []


# -- the sink ------------------------------------------------------------------------------------


def test_it_is_found_where_a_session_runs(inside) -> None:
    assert pipewire_obstacle(os.environ) is None
    inside.kill_pipewire()
    assert pipewire_obstacle(os.environ) is not None
    with pytest.raises(UsageError, match="systemctl --user start pipewire"):
        open_sink("pipewire", FORM)


def test_it_is_watched_while_somebody_looks(inside, show) -> None:
    showing = show("pipewire:Left")
    assert not showing.camera.watched
    with inside.gstreamer("Left", "fakesink"):
        wait_until(lambda: showing.camera.watched, "the first client")
        with inside.gstreamer("Left", "fakesink", count=5) as second:  # both at once
            assert second.wait(LONG) == 0
        assert showing.camera.watched
    wait_until(lambda: not showing.camera.watched, "nobody")
    with inside.gstreamer("Left", "fakesink"):
        wait_until(lambda: showing.camera.watched, "another client")
        showing.end()
        assert not showing.camera.watched
    assert showing.error is None


def test_a_picture_is_there_at_once_and_not_with_the_next_one(inside) -> None:
    camera, came = open_sink("pipewire", FORM), {}  # by number, when

    def follow(pipe) -> None:
        while len(picture := pipe.read(WIDTH * HEIGHT * 3)) == WIDTH * HEIGHT * 3:
            pixels = np.frombuffer(picture, np.uint8).reshape(HEIGHT, WIDTH, 3)
            came.setdefault(numbered_card.read(pixels)[0], perf_counter())

    form = f"video/x-raw,format=RGB,width={WIDTH},height={HEIGHT}"
    with inside.gstreamer("streamcam", form, "!", "fdsink", "fd=1", "sync=false") as client:
        reader = threading.Thread(target=follow, args=(client.stdout,), daemon=True)
        reader.start()
        wait_until(lambda: camera.write(frame(0)) or came, "the first picture")
        took = []
        for number in range(1, 20):
            began = perf_counter()
            camera.write(frame(number))
            wait_until(lambda: number in came, f"picture {number}")  # noqa: B023
            took.append((came[number] - began) * 1e3)
        print(f"from the sink to GStreamer: {median(took):.0f} ms, at most {max(took):.0f}")
    reader.join(LONG)
    camera.close()


@pytest.mark.parametrize(
    "elements",
    [
        pytest.param(["video/x-raw,width=320", "!", "fakesink"], id="cannot agree on a format"),
        pytest.param(["fdsink", "fd=1"], id="hangs"),
    ],
)
def test_a_client_that_is_no_good_harms_nobody(inside, show, elements) -> None:
    showing = show()
    with inside.gstreamer("streamcam", *elements) as client:
        if "fdsink" in elements:
            client.stdout.read(1)
            client.send_signal(signal.SIGSTOP)
        check(inside.pictures("streamcam", SIZE, 30))
    check(inside.pictures("streamcam", SIZE, 30))
    assert showing.error is None


def test_a_daemon_that_dies_and_comes_back(inside, show) -> None:
    showing = show()
    check(inside.pictures("streamcam", SIZE, 10))
    inside.kill_pipewire()
    wait_until(lambda: showing.error, "the failure")
    assert str(showing.error) == (
        "PipeWire camera streamcam does not take pictures any more: connection error"
    )
    showing.end()
    inside.start_pipewire()
    again = show()
    check(inside.pictures("streamcam", SIZE, 10))
    assert again.error is None


def test_it_leaves_nothing_behind(inside, capfd) -> None:
    def held() -> list[int]:
        return [len(list(Path("/proc/self", kind).iterdir())) for kind in ("fd", "task")]

    open_sink("pipewire", FORM).close()  # what the library keeps, once for all
    before = held()
    for _ in range(10):
        camera = open_sink("pipewire", FORM)
        camera.write(frame(0))
        camera.close()
    sleep(0.1)
    assert held() == before
    assert capfd.readouterr() == ("", "")
