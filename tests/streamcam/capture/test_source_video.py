from __future__ import annotations

import socket
import threading
import wave
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import numpy as np
import pytest
from capture_fakes import RED, until

from streamcam.capture import Wanted, open_source
from streamcam.capture.video import VideoSource, container, waiting
from streamcam.capture.video.decoder import Decoder
from streamcam.errors import SourceLost, UsageError

AT_ONCE = Wanted(realtime=False, loop=False)


def everything(source):
    """All frames up to the end of the file."""
    return until(EOFError, source.read)[0]


def corners(pixels):
    """Mean colour of the four corners: top left, top right, bottom left, bottom right."""
    ends = slice(2, 8), slice(-8, -2)
    return [pixels[y, x].reshape(-1, 3).mean(axis=0) for y in ends for x in ends]


def test_a_file_is_over_at_its_end(make_film):
    source = open_source(str(make_film(times=7)), AT_ONCE)
    frames = everything(source)
    assert [frame.seq for frame in frames] == list(range(7))
    assert [frame.media_time for frame in frames] == pytest.approx([i / 10 for i in range(7)])
    with pytest.raises(EOFError):
        source.read()


def test_a_file_loops_without_a_gap(make_film, clock):
    source = VideoSource(Decoder(str(make_film(times=4))), Wanted(), clock)
    frames = [source.read() for _ in range(20)]
    assert [frame.media_time for frame in frames] == pytest.approx([i / 10 for i in range(20)])
    gaps = [later.captured_at - earlier.captured_at for earlier, later in pairwise(frames)]
    assert gaps == pytest.approx([0.1] * 19)


@pytest.mark.parametrize("name", ["raw.h264", "short.gif", "stream.ts"])
def test_what_cannot_be_searched_loops_too(make_film, name):
    form = {"codec": "gif", "format": "rgb8"} if name.endswith("gif") else {}
    source = open_source(str(make_film(name, times=5, **form)), Wanted(realtime=False, loop=True))
    times = [source.read().media_time for _ in range(17)]
    assert times[0] == 0
    assert all(earlier < later for earlier, later in pairwise(times))


@pytest.mark.parametrize("name", ["long.ts", "long.mpg", "long.mp4", "long.h264"])
def test_every_round_shows_every_picture(make_film, name):
    """Transport streams can only be searched roughly: a search may miss the first pictures."""
    form = {"codec": "mpeg2video"} if name.endswith("mpg") else {}
    path = make_film(name, times=40, options={"g": "20"}, **form)
    count = len(everything(open_source(str(path), AT_ONCE)))
    source = open_source(str(path), Wanted(realtime=False, loop=True))
    rounds = [[source.read().pixels.tobytes() for _ in range(count)] for _ in range(3)]
    assert rounds[0] == rounds[1] == rounds[2]
    assert len(set(rounds[0])) >= 10


def test_uneven_timestamps_are_kept(make_film, clock):
    source = VideoSource(Decoder(str(make_film("vfr.mkv", times=[0, 1, 5, 25]))), Wanted(), clock)
    begin = clock.now()
    frames = [frame for frame in (source.read() for _ in range(10)) if frame is not None]
    assert [frame.media_time for frame in frames][:4] == pytest.approx([0, 0.1, 0.5, 2.5])
    assert [frame.captured_at - begin for frame in frames][:4] == pytest.approx([0, 0.1, 0.5, 2.5])


def test_pictures_are_left_out_when_decoding_is_slow(make_film, clock):
    decoder = Decoder(str(make_film(times=60)))
    source = VideoSource(decoder, Wanted(loop=False), clock)
    decode = decoder.next

    def slowly():
        clock.time += 0.15
        return decode()

    decoder.next = slowly
    frames = everything(source)
    assert 15 <= len(frames) < 60
    assert clock.now() - 1000 < 60 * 0.15 - 1  # the decoder left pictures out as well
    assert [frame.seq for frame in frames] == list(range(len(frames)))


def test_at_once_leaves_nothing_out_and_waits_for_nothing(make_film, clock):
    source = VideoSource(Decoder(str(make_film(times=60))), AT_ONCE, clock)
    assert len(everything(source)) == 60
    assert clock.sleeps == []


@pytest.mark.parametrize(
    ("rotation", "size", "blue_corner"),
    [(None, (64, 48), 0), (-90, (48, 64), 1), (180, (64, 48), 3), (90, (48, 64), 2)],
)
def test_turned_films_are_shown_upright(make_film, rotation, size, blue_corner):
    """A telephone held upright writes -90: the picture has to be turned clockwise."""
    picture = np.full((48, 64, 3), RED, np.uint8)
    picture[:24, :32] = (0, 0, 255)
    more = {} if rotation is None else {"rotation": rotation}
    path = make_film(pictures=[picture] * 3, times=3, **more)
    with_turn = open_source(str(path), AT_ONCE)
    assert (with_turn.width, with_turn.height) == size
    colours = corners(with_turn.read().pixels)
    blue = [colour[2] > 150 and colour[0] < 80 for colour in colours]
    assert blue == [index == blue_corner for index in range(4)]


@pytest.mark.parametrize("height", [360, 720])
@pytest.mark.parametrize("labelled", [False, True])
def test_colours_are_right_whatever_matrix_the_film_uses(tmp_path, height, labelled):
    """Without a label, small films are BT.601 and large ones BT.709, as players take them."""
    import av

    path = tmp_path / "colour.mkv"
    matrix = "ITU601" if height < 720 else "ITU709"
    if labelled:
        matrix = "ITU709"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", 10)
        stream.width, stream.height, stream.pix_fmt = 2 * height, height, "yuv444p"
        if labelled:
            stream.codec_context.colorspace = 1
        pixels = np.full((height, 2 * height, 3), (30, 160, 60), np.uint8)
        frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
        frame = frame.reformat(format="yuv444p", dst_colorspace=matrix)
        frame.colorspace = 1 if labelled else 2
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    got = open_source(str(path), AT_ONCE).read().pixels
    assert np.abs(got.astype(int) - (30, 160, 60)).max() <= 3


def test_damage_in_the_middle_is_passed_over(make_film, capfd):
    path = make_film("noise.ts", times=60, options={"g": "5"}, size=(160, 96))
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    for at in rng.integers(len(data) // 3, len(data) // 2, 200):
        data[at] ^= 0xFF
    path.write_bytes(data)
    frames = everything(open_source(str(path), AT_ONCE))
    assert 20 <= len(frames) <= 60
    assert capfd.readouterr() == ("", "")


def test_a_file_cut_short_ends_where_it_is_cut(make_film):
    path = make_film("cut.mkv", times=60, options={"g": "5"}, size=(160, 96))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert 5 <= len(everything(open_source(str(path), AT_ONCE))) < 60


def text(path):
    path.write_text("not a film\n" * 100)


def cut_before_its_index(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 3])


def sound_only(path):
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(8000))


BAD = {
    "empty": (lambda path: path.write_bytes(b""), "damaged or no video"),
    "text": (text, "damaged or no video"),
    "index missing": (cut_before_its_index, "damaged or no video"),
    "sound": (sound_only, "no video in it"),
    "directory": (lambda path: (path.unlink(), path.mkdir()), "directory"),
    "missing": (lambda path: path.unlink(), "no such file"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_video_is_refused_in_one_line(make_film, capfd, kind):
    path = make_film("film.mp4")
    spoil, reason = BAD[kind]
    spoil(path)
    with pytest.raises(UsageError, match=reason) as refusal:
        open_source(f"video:{path}", Wanted())
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert capfd.readouterr() == ("", "")


def test_a_text_file_is_no_film_of_a_terminal(tmp_path):
    path = tmp_path / "notes.txt"
    text(path)
    with pytest.raises(UsageError, match="no video in it"):
        open_source(str(path), Wanted())


def test_a_video_source_needs_a_name():
    with pytest.raises(UsageError, match="FILE"):
        open_source("video", Wanted())


def test_a_url_that_nobody_answers_is_refused_without_its_password():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match="connection refused") as refusal:
            open_source(f"http://me:secret@127.0.0.1:{port}/live.ts?token=hidden", Wanted())
    assert f"http://127.0.0.1:{port}/live.ts" in str(refusal.value)
    assert "secret" not in str(refusal.value)
    assert "hidden" not in str(refusal.value)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Live(BaseHTTPRequestHandler):
    """Sends a stream of unknown length; then ends it, or falls silent until `over`."""

    def __init__(self, *args, data, over=None):
        self.data, self.over = data, over
        super().__init__(*args)

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "video/mp2t")
        self.end_headers()
        self.wfile.write(self.data)
        self.wfile.flush()
        if self.over is not None:
            self.over.wait(10)

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    servers = []

    def start(handler, path):
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/{path}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_url_plays_and_loops(make_film, serve):
    path = make_film(times=6, options={"movflags": "+faststart"})
    url = serve(partial(Quiet, directory=str(path.parent)), path.name)
    source = open_source(url, Wanted(realtime=False, loop=True))
    assert [source.read().media_time for _ in range(14)] == pytest.approx(
        [i / 10 for i in range(14)]
    )
    assert source.label.startswith(url)
    source.close()


def test_a_missing_page_is_refused(make_film, serve):
    path = make_film()
    url = serve(partial(Quiet, directory=str(path.parent)), "other.mp4")
    with pytest.raises(UsageError, match="404"):
        open_source(url, Wanted())


def test_a_live_stream_that_falls_silent_is_lost(make_film, serve, monkeypatch):
    monkeypatch.setattr(waiting, "_SHORTEST_SILENCE_SECONDS", 0.3)
    data = make_film("live.ts", times=30).read_bytes()
    over = threading.Event()
    url = serve(partial(Live, data=data, over=over), "live.ts")
    source = open_source(url, Wanted())
    _, end = until(SourceLost, source.read)
    assert "no answer in time" in str(end)
    over.set()
    source.close()


def test_a_live_stream_that_never_says_anything_is_refused(serve, monkeypatch):
    monkeypatch.setattr(container, "_OPEN_TIMEOUT_SECONDS", 0.3)
    over = threading.Event()
    url = serve(partial(Live, data=b"", over=over), "live.ts")
    with pytest.raises(UsageError, match="no answer in time"):
        open_source(url, Wanted())
    over.set()
