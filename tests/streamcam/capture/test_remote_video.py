"""Videos on a server: which are films with an end, which are live, and what is no video at all."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import cv2
import numpy as np
import pytest
from capture_fakes import RED, until

from streamcam.capture import Wanted, open_source
from streamcam.capture.video import VideoSource, waiting
from streamcam.capture.video.decoder import Decoder
from streamcam.capture.video.length import Length
from streamcam.errors import SourceLost, UsageError

AT_ONCE = Wanted(realtime=False, loop=False)


@dataclass
class Service:
    """How a server sends what it has.

    pause  seconds after each of `parts`; over and over if `endless`; at last silence if it `holds`
    """

    parts: list[bytes]
    kind: str = "application/octet-stream"
    length: bool = False
    ranges: bool = False
    chunked: bool = False
    says_close: bool = True
    endless: bool = False
    holds: bool = False
    pause: float = 0.0
    asked: int = 0
    over: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        service = self.server.service
        service.asked += 1
        data, begin = b"".join(service.parts), 0
        wanted = self.headers.get("Range")
        if service.ranges and wanted:
            begin = int(wanted.partition("=")[2].partition("-")[0])
        self.send_response(206 if service.ranges and wanted else 200)
        self.send_header("Content-Type", service.kind)
        if service.ranges:
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        if service.length:
            self.send_header("Content-Length", str(len(data) - begin))
        if service.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif service.says_close:
            self.send_header("Connection", "close")
        self.close_connection = True
        self.end_headers()
        with suppress(OSError):  # who asked has gone
            self.send(service, [data[begin:]] if begin else service.parts)

    def send(self, service, parts):
        while not service.over.is_set():
            for part in parts:
                head, tail = (b"%x\r\n" % len(part), b"\r\n") if service.chunked else (b"", b"")
                self.wfile.write(head + part + tail)
                self.wfile.flush()
                if service.pause and service.over.wait(service.pause):
                    return
            if not service.endless:
                break
        if service.holds:
            service.over.wait(60)
        if service.chunked:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    running = []

    def start(service: Service, path: str) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.service = service
        running.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/{path}"

    yield start
    for server in running:
        server.service.over.set()
        server.shutdown()
        server.server_close()


WAYS = {
    "with length and ranges": {"length": True, "ranges": True},
    "with length, without ranges": {"length": True},
    "in chunks": {"chunked": True},
    "until it closes": {},
    "until it closes without a word": {"says_close": False},
}
FILMS = {
    "short.ts": {},
    "short.gif": {"codec": "gif", "format": "rgb8"},
    "short.mp4": {"container": {"movflags": "faststart"}},
    "short.mkv": {},
    "short.apng": {"codec": "apng", "format": "rgb24"},
    "short.h264": {"options": {"bf": "0"}},
}
# Neither the server nor the container tells these from what is live.
UNTOLD = {"short.ts", "short.h264"}


@pytest.fixture(params=FILMS)
def film(request, make_film):
    return make_film(request.param, times=40, **FILMS[request.param])


@pytest.mark.parametrize("way", WAYS)
def test_a_film_on_a_server_ends_and_begins_again(film, serve, way, clock):
    service = Service([film.read_bytes()], **WAYS[way])
    url = serve(service, film.name)
    source = open_source(url, AT_ONCE)
    assert len(until(EOFError, source.read)[0]) == 40
    with pytest.raises(EOFError):
        source.read()
    source.close()

    source = VideoSource(Decoder(url), Wanted(), clock)
    frames = [source.read() for _ in range(100)]
    assert [frame.seq for frame in frames] == list(range(100))
    times = [frame.captured_at for frame in frames]
    if film.name in UNTOLD and not service.length:
        times = times[40:]  # its first round arrives at once; then it has proved to be a film
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps == pytest.approx([0.1] * len(gaps), abs=0.011)
    source.close()


def test_a_stream_that_runs_away_from_the_clock_is_a_film(make_film, serve, clock):
    """Fifteen seconds at once are no live stream: what follows comes at its time."""
    data = make_film("long.ts", times=300, options={"bf": "0"}).read_bytes()
    source = VideoSource(Decoder(serve(Service([data], chunked=True), "x")), Wanted(), clock)
    begin = clock.now()
    for _ in range(250):
        assert source.read() is not None
    assert clock.now() - begin == pytest.approx(14.8, abs=0.3)  # 10 of the 24.9 were given away
    source.close()


PART = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n"


def parts_of_mjpeg(count: int) -> list[bytes]:
    found = []
    for number in range(count):
        picture = np.full((48, 64, 3), (*RED[:0:-1], 10 * number), np.uint8)
        jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
        found.append(PART % (len(jpeg), jpeg))
    return found


MJPEG = "multipart/x-mixed-replace; boundary=frame"
LIVE = {
    "mjpeg": {"kind": MJPEG},
    "mjpeg in chunks": {"kind": MJPEG, "chunked": True},
    "mjpeg with a length": {"kind": MJPEG, "length": True},
    "ts": {},
    "ts in chunks": {"chunked": True},
}


@pytest.mark.parametrize("kind", LIVE)
def test_a_live_stream_comes_as_it_arrives_and_is_lost_when_it_ends(make_film, serve, kind, clock):
    if kind.startswith("mjpeg"):
        parts = parts_of_mjpeg(20)
    else:
        data = make_film("live.ts", times=20, rate=20, options={"bf": "0"}).read_bytes()
        parts = [data[at : at + len(data) // 20] for at in range(0, len(data), len(data) // 20)]
    url = serve(Service(parts, pause=0.05, **LIVE[kind]), "live")
    source = open_source(url, Wanted())
    assert source._film.decoder.length is not Length.FINITE
    frames, end = until(SourceLost, source.read)
    assert len(frames) >= 17
    assert url in str(end)
    source.close()


def test_rendering_what_is_live_ends_with_it(serve):
    url = serve(Service(parts_of_mjpeg(8), kind=MJPEG, pause=0.01), "live")
    source = open_source(url, AT_ONCE)
    assert len(until(EOFError, source.read)[0]) in (7, 8)
    source.close()


@pytest.mark.parametrize(
    ("live", "gap", "first", "then"),
    [(True, 0.04, 10, 2), (True, 3, 10, 9), (True, 9, 10, 20), (False, 0.04, 20, 20)],
)
def test_how_long_a_stream_may_be_silent_follows_what_was_seen(clock, live, gap, first, then):
    silence = waiting.Silence(clock, live=live)
    for number in range(12):
        silence.begin()
        limit = first if number < 10 else then
        assert silence.limit == pytest.approx(limit)
        clock.time += limit
        assert not silence.over
        clock.time += 0.01
        assert silence.over
        clock.time += gap - limit - 0.01
        silence.heard()


@pytest.mark.slow
def test_a_slow_camera_is_no_broken_one(serve, monkeypatch):
    """One picture in 0.3 s, where 0.2 s without one are a loss for cameras that are quicker."""
    monkeypatch.setattr(waiting, "_SHORTEST_SILENCE_SECONDS", 0.2)
    service = Service(parts_of_mjpeg(14), kind=MJPEG, pause=0.3, endless=True)
    source = open_source(serve(service, "slow"), Wanted())
    frames = []
    while len(frames) < 13:
        frame = source.read()
        frames += [] if frame is None else [frame]
    assert service.asked == 1
    service.over.set()
    until(SourceLost, source.read)
    source.close()


def test_a_read_of_a_silent_stream_returns_and_so_does_its_end(serve):
    """FFmpeg itself would wait for twenty seconds."""
    url = serve(Service(parts_of_mjpeg(4), kind=MJPEG, holds=True), "live")
    source, frames = open_source(url, Wanted()), []
    while (frame := source.read()) is not None:
        frames.append(frame)
    assert len(frames) >= 3  # some of FFmpeg's versions take the last one when another begins
    assert source.read() is None
    source.close()


def test_opening_what_does_not_answer_ends_with_the_stop(serve):
    stop = threading.Event()
    url = serve(Service([], holds=True), "never")
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(SourceLost, match="stopped"):
        open_source(url, Wanted(stop=stop))


PAGES = {
    "said so": ("text/html; charset=utf-8", b"<p>Please log in"),
    "seen": ("application/octet-stream", b"\n <!DOCTYPE html><html><body>a player</body></html>"),
    "old": ("text/plain", b"<HTML><HEAD>"),
}


@pytest.mark.parametrize("page", PAGES)
def test_a_web_page_is_called_one(serve, page):
    kind, text = PAGES[page]
    url = serve(Service([text * 50], kind=kind, length=True), "watch?v=secret")
    with pytest.raises(UsageError, match="is a web page and no video itself") as refusal:
        open_source(url.replace("//", "//me:pass@"), Wanted())
    assert "secret" not in str(refusal.value)
    assert "pass" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_what_is_no_page_and_no_video_is_called_neither(serve):
    url = serve(Service([b"\x00\x01nothing" * 90], length=True), "x")
    with pytest.raises(UsageError, match="damaged or no video"):
        open_source(url, Wanted())


def test_a_single_picture_is_looked_at_again_twice_a_second(serve, clock):
    """The snapshot of a camera, or a still: not a request for every tick."""
    jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), RED[::-1], np.uint8))[1].tobytes()
    service = Service([jpeg], kind="image/jpeg", length=True)
    source = VideoSource(Decoder(serve(service, "snapshot.jpg")), Wanted(), clock)
    begin = clock.now()
    assert all(source.read() is not None for _ in range(9))
    assert clock.now() - begin == pytest.approx(4.0)
    source.close()
