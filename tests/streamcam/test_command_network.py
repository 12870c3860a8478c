"""What the real program does on the network: a page on 127.0.0.1, and nothing else."""

import ast
import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

import psutil
import pytest
from real_command import NO_CAMERA, NO_SCREEN, SMALL, Command, wait_until

RUN = ("--source", "demo", "--output", "null", *SMALL)
# Writes down every attempt of the process to reach somebody, name look-ups included.
WATCH = """
import os, sys
log = os.open(os.environ["CONTACTS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        os.write(log, f"{arguments[-1]!r}\\n".encode())
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        os.write(log, f"{arguments[:2]!r}\\n".encode())
sys.addaudithook(watch)
"""


def sockets(command: Command) -> list[tuple[str, str]]:
    """(state, address) of every network socket of the program."""
    found = psutil.Process(command.process.pid).net_connections(kind="inet")
    return [(one.status, one.laddr.ip) for one in found]


def test_the_page_the_picture_and_the_figures(launch: Callable[..., Command]) -> None:
    command = launch(*RUN).live()
    assert sockets(command) == [("LISTEN", "127.0.0.1")]
    page = command.get("/").decode()
    assert "<title>" in page
    assert not re.findall(r"(?:src|href|url\()[=\"' ]*(?:https?:)?//", page), "all from here"
    stats = command.stats()
    assert stats["frames_in"] >= stats["frames_out"] > 0
    assert stats["look"] == "anime"
    pictures = list(islice(command.pictures(), 3))
    assert {picture.shape for picture in pictures} == {(720, 1280, 3)}
    assert all(picture.std() > 15 for picture in pictures)
    assert {address for _, address in sockets(command)} == {"127.0.0.1"}
    assert command.stop() == 0
    assert command.errors == []


def test_a_bare_command_finds_something_to_do(launch, with_modules) -> None:
    """No camera, no screen: it shows the demo clip, and says why, in a size that it can hold."""
    command = launch(**with_modules({**NO_CAMERA, **NO_SCREEN})).live()
    reason = "as there is no camera and no screen (see --source)"
    assert f"source chosen: the demo clip, {reason}" in command.said
    assert command.until("output chosen: ")
    found = re.search(
        r"engine: .*, \d+x\d+: engine \d+ ms, \d+ fps, .* for 30(?: beside \d+ ms of other work)?$",
        command.until("engine:"),
    )
    assert found is not None
    assert command.picture().std() > 15
    assert command.stop() == 0
    assert command.errors == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8737"},
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    ],
)
def test_foreign_requests_are_refused(foreign: Command, headers: dict[str, str]) -> None:
    for path in ("/", "/stream.mjpg", "/snapshot.jpg", "/api/stats", "/api/state"):
        with pytest.raises(HTTPError) as refusal:
            foreign.get(path, **headers)
        with refusal.value as answer:
            assert answer.code == 403


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """One program for all that asks it in vain."""
    folder = tmp_path_factory.mktemp("foreign") / "here"
    folder.mkdir()
    command = Command(folder, *RUN).live()
    yield command
    command.close()


def test_a_taken_port_that_nobody_asked_for_is_no_reason_to_stop(launch) -> None:
    with ExitStack() as closing:
        with suppress(OSError):  # somebody else has it, which will do as well
            closing.enter_context(socket.create_server(("127.0.0.1", 8737)))
        command = launch(*RUN).live()
        line = command.until("page:")
        assert line.startswith("page: port 8737 is taken; the page is at http://127.0.0.1:87")
        assert command.stats()["frames_out"] > 0
        assert command.stop() == 0


def test_without_the_page_there_are_the_controls_alone(launch, folder: Path) -> None:
    command = launch(*RUN, "--no-web").live()
    assert sockets(command) == [("LISTEN", "127.0.0.1")]
    (file,) = folder.parent.rglob(f"{command.process.pid}.json")
    port = json.loads(file.read_text())["port"]
    with pytest.raises(HTTPError, match="404"):
        build_opener(ProxyHandler({})).open(f"http://127.0.0.1:{port}/")
    assert not [line for line in command.said if line.startswith(("page:", "control:"))]
    assert launch("curtain", "card").end() == 0
    assert launch("switch", "manga").end() == 0
    assert command.stop() == 0
    assert not file.exists()


@pytest.mark.parametrize("backend", ["openvino", "torch"])
def test_the_program_never_reaches_out(launch, tmp_path: Path, backend: str) -> None:
    """No telemetry, no hub, no check for updates: in a whole run it contacts nobody."""
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    contacts = tmp_path / "contacts"
    watched = {"PYTHONPATH": str(tmp_path), "CONTACTS": str(contacts)}
    command = launch(*RUN, "--backend", backend, **watched).live()
    assert command.stats()["frames_out"] > 0
    assert len(list(islice(command.pictures(), 2))) == 2
    wait_until(lambda: len(sockets(command)) == 1, "the end of our own connections")
    assert command.stop() == 0
    assert command.errors == []
    met = {ast.literal_eval(line)[0] for line in contacts.read_text().splitlines()}
    assert met <= {"127.0.0.1"}


def test_the_watch_sees_contacts(launch, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    contacts = tmp_path / "contacts"
    watched = {"PYTHONPATH": str(tmp_path), "CONTACTS": str(contacts)}
    running = launch(*RUN).live()
    assert launch("switch", "manga", **watched).end() == 0
    assert running.stats()["look"] == "manga"
    assert f"('127.0.0.1', {running.port})" in contacts.read_text()
