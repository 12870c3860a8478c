"""The server's life: its port, its live pictures, its end, and the client that finds it."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from time import sleep

import av
import cv2
import numpy as np
import pytest

from streamcam.control.doors import Doors
from streamcam.errors import UsageError
from streamcam.frames import Frame
from streamcam.sink import Format
from streamcam.sink.web import WebSink
from streamcam.web.runtime import runtime_folder, saved
from streamcam.web.server import Site, WebServer


def part(response):
    """The JPEG of the next part of a live picture."""
    assert response.readline() == b"--frame\r\n"
    headers = {}
    while (line := response.readline()) != b"\r\n":
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    assert headers["content-type"] == "image/jpeg"
    jpeg = response.read(int(headers["content-length"]))
    assert response.readline() == b"\r\n"
    return jpeg


def decoded(jpeg):
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


def until(condition):
    """Wait for what another thread is about to do."""
    for _ in range(1000):
        if condition():
            return
        sleep(0.01)
    pytest.fail("it did not happen")


def test_the_stream_is_made_of_new_pictures(http, film, sink):
    connection, response = http.open("/stream.mjpg")
    assert response.status == 200
    assert response.getheader("content-type") == "multipart/x-mixed-replace; boundary=frame"
    assert "no-store" in response.getheader("cache-control")
    pictures = [decoded(part(response)) for _ in range(4)]
    assert all(picture.shape == (32, 48, 3) for picture in pictures)
    levels = [int(picture.mean()) for picture in pictures]
    assert levels == sorted(set(levels))
    assert sink.viewers == 1
    response.close()
    connection.close()
    until(lambda: sink.viewers == 0)  # and nothing is encoded any more


def test_a_browser_can_show_a_picture_before_the_next_one_comes(http, sink):
    """It does so once it has the next one's headers."""
    connection, response = http.open("/stream.mjpg", {"Sec-Fetch-Dest": "image"})
    head = b"--frame\r\nContent-Type: image/jpeg\r\n\r\n"
    assert response.read(len(head)) == head
    until(lambda: sink.viewers == 1)
    sink.write(Frame(np.full((32, 48, 3), 99, np.uint8), 0, 0.0))
    received = b""
    while not received.endswith(b"\r\n" + head):
        received += response.read(1)
    assert decoded(received.removesuffix(b"\r\n" + head)).mean() == pytest.approx(99, abs=2)
    response.close()
    connection.close()


def test_ffmpeg_and_so_obs_can_read_the_stream(web, film):
    with av.open(f"{web.url}stream.mjpg", format="mpjpeg", timeout=30) as stream:
        pictures = stream.decode(video=0)
        levels = [next(pictures).to_ndarray(format="gray").mean() for _ in range(3)]
    assert len(set(levels)) == 3


def test_a_snapshot_is_one_picture(http, film):
    answer = http.get("/snapshot.jpg")
    assert answer.status == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert decoded(answer.body).shape == (32, 48, 3)


def test_without_pictures_a_snapshot_says_so(http, sink):
    sink.close()
    answer = http.get("/snapshot.jpg")
    assert (answer.status, answer.json) == (503, {"error": "there is no picture at the moment"})


def test_the_stream_ends_with_the_program(http, film, sink):
    connection, response = http.open("/stream.mjpg")
    part(response)
    film.stop()
    sink.close()
    while response.readline():
        pass
    connection.close()


def test_more_viewers_than_seats_are_refused(http, film, monkeypatch):
    http.get("/")
    monkeypatch.setattr("streamcam.web.app.MOST_VIEWERS", 1)
    connection, response = http.open("/stream.mjpg")
    part(response)
    assert http.get("/stream.mjpg").status == 503
    response.close()
    connection.close()


def test_stop_ends_open_streams_and_frees_the_port(http, web, film, folder):
    watching = [http.open("/stream.mjpg") for _ in range(3)]
    for _, response in watching:
        part(response)
    web.stop()
    assert not web._stage.running  # stop() waits a second for it, not more
    for connection, response in watching:
        while response.readline():
            pass
        connection.close()
    with socket.create_server(("127.0.0.1", web.port)):
        pass
    assert saved(folder) == []
    web.stop()


def test_stop_does_not_wait_for_a_viewer_who_reads_nothing(program, folder):
    noise = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
    sink = WebSink(Format(1280, 720, 30))
    web = WebServer(Doors(program), sink, Site(port=0))
    web.start()
    with socket.create_connection(("127.0.0.1", web.port)) as stuck:
        stuck.sendall(f"GET /stream.mjpg HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\n\r\n".encode())
        until(lambda: sink.viewers == 1)
        for seq in range(30):  # far more than fits between here and there
            sink.write(Frame(noise, seq, 0.0))
        web.stop()
    assert not web._stage.running


def test_without_the_web_output_the_page_has_no_picture(program, folder, make_client):
    web = WebServer(Doors(program), None, Site(port=0))
    web.start()
    try:
        http = make_client(web.port, "")
        assert http.get("/api/state").json["picture"] is False
        assert http.get("/stream.mjpg").status == 404
        assert http.get("/snapshot.jpg").status == 404
    finally:
        web.stop()


@pytest.fixture
def taken():
    """A port that another program listens on, and whose follower is probably free."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def test_a_port_that_was_asked_for_and_is_taken_is_refused(program, folder, taken):
    web = WebServer(Doors(program), None, Site(port=taken, explicit=True))
    with pytest.raises(UsageError, match=f"^port {taken} is taken; use --port N or --no-web$"):
        web.start()
    assert saved(folder) == []
    web.stop()


def test_a_port_that_nobody_asked_for_may_move(program, folder, taken):
    web = WebServer(Doors(program), None, Site(port=taken))
    web.start()
    try:
        assert taken < web.port <= taken + 20
        assert web.notice == f"port {taken} is taken; the page is at http://127.0.0.1:{web.port}/"
        assert [one.port for one in saved(folder)] == [web.port]
    finally:
        web.stop()


def test_the_port_is_taken_before_anything_is_served(program, sink, folder, make_client):
    web = WebServer(Doors(program), None, Site(port=0))
    web.listen()
    with pytest.raises(UsageError, match="is taken"):
        WebServer(Doors(program), None, Site(port=web.port, explicit=True)).listen()
    assert saved(folder) == []
    web.sink = sink
    web.start()
    try:
        assert make_client(web.port, "").get("/api/state").json["picture"] is True
    finally:
        web.stop()


def test_a_port_that_was_never_served_is_free_again(program, folder):
    web = WebServer(Doors(program), None, Site(port=0))
    web.listen()
    web.stop()
    with socket.create_server(("127.0.0.1", web.port)):
        pass


def test_a_server_whose_start_was_interrupted_can_be_stopped(program, folder, monkeypatch):
    def interrupt(_thread):
        raise KeyboardInterrupt

    web = WebServer(Doors(program), None, Site(port=0))
    monkeypatch.setattr("threading.Thread.start", interrupt)
    with pytest.raises(KeyboardInterrupt):
        web.start()
    web.stop()
    assert saved(folder) == []


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_number_that_is_no_port_is_refused(program, folder, port):
    with pytest.raises(UsageError, match=f"there is no port {port}"):
        WebServer(Doors(program), None, Site(port=port, explicit=True)).start()


def test_only_this_machine_can_connect(web):
    assert [one.getsockname()[0] for one in web._sockets] == ["127.0.0.1"]


def test_the_runtime_folder_is_there_and_private():
    folder = runtime_folder()
    assert folder.is_dir()
    if os.name == "posix":
        assert folder.stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_had_costs_the_switches_and_nothing_else(program, monkeypatch):
    def nowhere():
        raise KeyError("LOCALAPPDATA")

    monkeypatch.setattr("streamcam.web.server.runtime_folder", nowhere)
    web = WebServer(Doors(program), None, Site(port=0))
    web.start()
    try:
        assert web.notice == (
            "streamcam switch and curtain will not find this program: 'LOCALAPPDATA'"
        )
        assert web._stage.running
    finally:
        web.stop()


def test_a_machine_without_a_port_to_give(program, folder, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("streamcam.web.server.socket.socket", refuse)
    for site in (Site(explicit=True), Site(outputs=("web",))):
        with pytest.raises(UsageError, match=r"cannot be served on 127\.0\.0\.1: Too many"):
            WebServer(Doors(program), None, site).start()
    web = WebServer(Doors(program), None, Site(outputs=("virtualcam",)))
    web.start()
    assert web.notice.endswith("will not find this program: Too many open files")
    web.stop()
    assert saved(folder) == []


@pytest.mark.parametrize("error", [ImportError("no h11"), SystemExit(3), RuntimeError("a bug")])
def test_a_server_that_breaks_down_ends_nothing_else(web, program, make_client, monkeypatch, error):
    def fail(*_args, **_options):
        raise error

    monkeypatch.setattr("streamcam.web.app.create_app", fail)
    with pytest.raises(OSError, match=r"refused|reset|closed"):
        make_client(web.port, "").get("/")
    until(lambda: program.stats.snapshot().notice)
    assert program.stats.snapshot().notice == f"the page has broken down: {error}"


LAZY = """
import sys
from urllib.request import ProxyHandler, build_opener
import streamcam.web.server as server
from streamcam.control.doors import Doors
from streamcam.stats import Stats
from pathlib import Path

class Program:
    stats, preset_name = Stats(), "anime"
    preset_names = look_names = lambda self: []

server.runtime_folder = lambda: Path(sys.argv[1])
web = server.WebServer(Doors(Program()), None, server.Site(port=0))
web.start()
loaded = lambda: sorted({"fastapi", "uvicorn", "starlette"} & set(sys.modules))
print(loaded())
build_opener(ProxyHandler({})).open(web.url).read()
print(loaded())
web.stop()
"""


def test_the_server_is_loaded_when_somebody_connects(tmp_path):
    command = [sys.executable, "-c", LAZY, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["[]", "['fastapi', 'starlette', 'uvicorn']"]
