"""The live picture as /stream.mkv, which OBS takes, and what is peculiar to one kind of client."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from threading import Event
from time import sleep

import av
import numpy as np
import pytest

from streamcam.control.doors import Doors
from streamcam.frames import Frame
from streamcam.sink import Format
from streamcam.sink.web import WebSink
from streamcam.web import live
from streamcam.web.live import LivePicture, multipart
from streamcam.web.server import Site, WebServer

STREAMS = {
    "/stream.mkv": "video/x-matroska",
    "/stream.mjpg": "multipart/x-mixed-replace; boundary=frame",
}


def plain(level, seq=0, size=(48, 32)):
    return Frame(np.full((size[1], size[0], 3), level, np.uint8), seq, 0.0)


def level(picture):
    return picture.to_ndarray(format="gray").mean()


def until(condition):
    """Wait for what another thread is about to do."""
    for _ in range(3000):
        if condition():
            return
        sleep(0.01)
    pytest.fail("it did not happen")


def test_a_player_gets_each_picture_before_the_next_is_made(web, sink):
    """Also the first one, of a scene that has been standing still for long."""
    with sink.watch():
        sink.write(plain(0))
        with av.open(f"{web.url}stream.mkv", timeout=30) as film:
            assert "matroska" in film.format.name
            stream = film.streams.video[0]
            assert (stream.width, stream.height, stream.average_rate) == (48, 32, 30)
            pictures = film.decode(stream)
            for number in range(8):
                if number:
                    sink.write(plain(20 * number, number))
                assert level(next(pictures)) == pytest.approx(20 * number, abs=1)
            assert sink.viewers == 2
    until(lambda: sink.viewers == 0)


def test_it_is_never_kept(http, film):
    connection, response = http.open("/stream.mkv")
    assert response.status == 200
    assert response.getheader("content-type") == "video/x-matroska"
    assert "no-store" in response.getheader("cache-control")
    response.close()
    connection.close()


def test_it_ends_with_the_program(web, film, sink):
    with av.open(f"{web.url}stream.mkv", timeout=30) as player:
        pictures = player.decode(video=0)
        next(pictures)
        film.stop()
        sink.close()
        # To PyAV 19 the end of a stream without a length is an I/O error, to 18 a plain end.
        with suppress(av.error.OSError):
            assert all(picture.width == 48 for picture in pictures)


@pytest.mark.parametrize("path", STREAMS)
def test_who_only_asks_what_it_is_counts_for_nobody(http, sink, path):
    for _ in range(3):
        answer = http.head(path)
        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["content-type"] == STREAMS[path]
        assert "content-length" not in answer.headers
    assert sink.viewers == 0


@pytest.mark.parametrize("path", STREAMS)
def test_all_streams_share_the_seats(http, film, monkeypatch, path):
    http.get("/")
    monkeypatch.setattr("streamcam.web.app.MOST_VIEWERS", 1)
    connection, response = http.open("/stream.mkv")
    response.read(1)
    answer = http.get(path)
    assert (answer.status, answer.json) == (503, {"error": "1 viewers are watching already"})
    response.close()
    connection.close()


def test_one_who_reads_nothing_delays_nobody(program, folder):
    """The others get picture after picture, as soon as each is made."""
    noise = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
    sink = WebSink(Format(1280, 720, 30))
    web = WebServer(Doors(program), sink, Site(port=0))
    web.start()
    with socket.create_connection(("127.0.0.1", web.port)) as stuck:
        stuck.sendall(f"GET /stream.mkv HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\n\r\n".encode())
        until(lambda: sink.viewers == 1)
        sink.write(Frame(noise, 0, 0.0))
        with av.open(f"{web.url}stream.mkv", timeout=30) as film:
            pictures = film.decode(video=0)
            next(pictures)
            for number in range(1, 12):  # far more than fits between here and there
                sink.write(Frame(np.roll(noise, number), number, 0.0))
                next(pictures)
        web.stop()
    assert not web._stage.running


class Camera:
    """Stands in for a viewer of pictures that come at `rate`, on a clock that only waiting moves;
    `pictures` of them, numbered from 1."""

    def __init__(self, rate, pictures):
        self.now = 0.0
        self._rate, self._pictures, self._seen = rate, pictures, 0

    def next(self, timeout):
        newest = min(int(self.now * self._rate + 1e-6) + 1, self._pictures)
        if newest == self._seen == self._pictures:
            self.now += timeout
            return None
        if newest == self._seen:
            newest += 1
            self.now = (newest - 1) / self._rate
        self._seen = newest
        return str(newest).encode()

    async def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def take(monkeypatch):
    """A function: what a client with these headers is sent of `pictures` in so many seconds, as
    (time, number)."""

    def watch(headers, rate, pictures, seconds):
        camera, stop = Camera(rate, pictures), Event()
        monkeypatch.setattr(live, "perf_counter", lambda: camera.now)
        monkeypatch.setattr(live, "sleep", camera.sleep)

        async def run():
            response = LivePicture(WebSink(Format(48, 32, 30)), stop, multipart(headers))
            sent = []
            async for part in response._parts(camera):
                number = part.rpartition(b"\r\n\r\n")[2].strip()
                sent.append((camera.now, int(number)))
                if camera.now >= seconds:
                    return sent
            return sent

        return asyncio.run(asyncio.wait_for(run(), 60))

    return watch


@pytest.mark.parametrize(
    ("rate", "expected"), [(60, 249), (30, 249), (25, 249), (20, 200), (5, 50)]
)
def test_ffmpeg_gets_no_more_multipart_pictures_than_it_plays(take, rate, expected):
    """FFmpeg plays 25 a second of these, whatever comes; the rest would be its delay."""
    sent = take({"user-agent": "Lavf/59.27.100"}, rate, 10**6, 10.0)
    assert sum(time < 10 for time, _ in sent) == pytest.approx(expected, abs=1)
    late = [time - (number - 1) / rate for time, number in sent]
    assert max(late) < 1 / rate + 1e-6, "each is the newest"


@pytest.mark.parametrize("agent", ["curl/8.5.0", "VLC/3.0", "", "Mozilla/5.0 Lavf/1"])
def test_others_get_all(take, agent):
    assert [number for _, number in take({"user-agent": agent}, 60, 10**6, 10.0)] == [
        *range(1, 602)
    ]


def test_the_last_picture_before_a_still_scene_is_never_the_one_left_out(take):
    for pictures in range(1, 30):
        sent = take({"user-agent": "Lavf/59.27.100"}, 30, pictures, (pictures - 1) / 30)
        assert sent[-1][1] == pictures
