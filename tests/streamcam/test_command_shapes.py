"""Films of any shape through the real program: nothing is cut or squeezed but what `fit` says."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import av
import cv2
import numpy as np
import pytest
from corner_charts import chart, check, expected
from real_command import LONG, Command, wait_until

RATE, PICTURES = 25, 10
PRESET = """
prompt = "anime"
backend = "null"
[output]
{output}
[gate]
policy = "always"
"""
BARS = 'size = "640x360"\nfit = "letterbox"'
LEVELS = 24  # by which a colour may come back differently from 4:2:0
RUN = ("--preset", "look.toml", "--source", "film.mkv", "--output", "out.mp4", "--no-web")


def write(folder: Path, size: tuple[int, int], output: str) -> None:
    """`film.mkv`, charts of that size without loss, and `look.toml`."""
    (folder / "look.toml").write_text(PRESET.format(output=output))
    with av.open(str(folder / "film.mkv"), "w") as film:
        stream = film.add_stream("ffv1", RATE)
        stream.width, stream.height = size
        stream.pix_fmt = "bgr0"
        for _ in range(PICTURES):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(chart(*size), "rgb24")))
        film.mux(stream.encode(None))


def pictures_of(path: Path) -> list[np.ndarray]:
    """RGB, of a recording."""
    with av.open(str(path)) as film:
        frames = list(film.decode(video=0))
        return [frame.to_ndarray(format="rgb24", src_colorspace="ITU709") for frame in frames]


@pytest.mark.slow
@pytest.mark.parametrize(
    "flags",
    [
        ("--duration", "3"),
        ("--duration", "3", "--size", "448x256"),
        ("--realtime", "off"),
        ("--realtime", "off", "--size", "448x256"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("fit", ["letterbox", "crop"])
def test_a_phone_film_on_a_wide_screen(launch, folder: Path, flags, fit: str) -> None:
    write(folder, (288, 512), BARS.replace("letterbox", fit))
    command: Command = launch(*RUN, *flags)
    assert command.end() == 0, command.errors
    picture = pictures_of(folder / "out.mp4")[-1]
    check(picture, expected((288, 512), (640, 360), fit), 10, LEVELS)


@pytest.mark.parametrize(
    ("size", "own"), [((288, 512), (288, 512)), ((400, 300), (400, 300)), ((321, 241), (320, 240))]
)
def test_a_rendered_film_keeps_its_shape(
    launch: Callable[..., Command], folder: Path, size: tuple[int, int], own: tuple[int, int]
) -> None:
    write(folder, size, "fps = 30")
    command = launch(*RUN, "--output", "also.mkv", "--realtime", "off")
    assert command.end() == 0, command.errors
    assert f"output: recording also.mkv (H.264, {own[0]}x{own[1]})" in command.said
    for name in ("out.mp4", "also.mkv"):
        check(pictures_of(folder / name)[-1], chart(*own), 4, LEVELS)


@pytest.mark.parametrize(
    ("output", "size", "fit"),
    [
        ('size = "512x288"\nfit = "letterbox"', (512, 288), "letterbox"),
        ("", (512, 288), "crop"),
    ],
)
def test_a_stream_whose_pictures_turn(launch, folder: Path, output: str, size, fit: str) -> None:
    """A phone that is turned while it sends: two streams with one after the other's end."""
    (folder / "look.toml").write_text(PRESET.format(output=output))
    shapes = [(512, 288), (288, 512)]
    for number, shape in enumerate(shapes):
        with av.open(str(folder / f"{number}.ts"), "w", format="mpegts") as film:
            stream = film.add_stream("libx264", RATE, options={"crf": "8", "bf": "0"})
            stream.width, stream.height = shape
            stream.pix_fmt = "yuv420p"
            for _ in range(PICTURES):
                film.mux(stream.encode(av.VideoFrame.from_ndarray(chart(*shape), "rgb24")))
            film.mux(stream.encode(None))
    pieces = [(folder / f"{number}.ts").read_bytes() for number in range(2)]
    (folder / "film.ts").write_bytes(b"".join(pieces))
    command = launch(*RUN[:3], "film.ts", *RUN[4:], "--realtime", "off")
    assert command.end() == 0, command.errors
    pictures = pictures_of(folder / "out.mp4")
    assert len(pictures) == 2 * PICTURES
    for number, picture in enumerate(pictures):
        check(picture, expected(shapes[number // PICTURES], size, fit), 10, LEVELS)


def test_a_rendered_film_is_refused_with_nothing_left_behind(refused, folder: Path) -> None:
    write(folder, (288, 512), "fps = 30")
    render = (*RUN[:4], "--realtime", "off", "--output")
    assert "there is no folder" in refused(*render, "nowhere/out.mp4")


class TurningCamera(BaseHTTPRequestHandler):
    """MJPEG: wide charts on the first connection until `turned` is set, tall ones on the next."""

    protocol_version = "HTTP/1.1"
    turned = Event()

    def do_GET(self) -> None:
        tall = self.turned.is_set()
        image = chart(288, 512) if tall else chart(512, 288)
        jpeg = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.send_header("Connection", "close")
        self.end_headers()
        with suppress(OSError):  # the program has ended
            while tall or not self.turned.wait(0.04):
                self.wfile.write(head.encode() + jpeg + b"\r\n")
                time.sleep(0.04 * tall)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def camera() -> Iterator[str]:
    """Its address."""
    TurningCamera.turned.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), TurningCamera)
    thread = Thread(target=server.serve_forever, name="camera", daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    TurningCamera.turned.set()
    server.shutdown()
    server.server_close()
    thread.join(LONG)


@pytest.mark.slow
def test_a_camera_that_comes_back_upright_is_shown_whole(launch, folder: Path, camera: str) -> None:
    """At once, in the engine there is; then an engine of its shape takes over."""
    (folder / "look.toml").write_text(PRESET.format(output='fit = "letterbox"'))
    command = launch("--preset", "look.toml", "--source", camera, "--output", "null").live()
    wide, tall = (expected(size, (1280, 720), "letterbox") for size in ((512, 288), (288, 512)))
    check(command.picture(), wide, 12, LEVELS)
    before = len(command.said)
    TurningCamera.turned.set()
    wait_until(lambda: command.picture()[:, :300].max() < LEVELS, "bars beside the picture")
    assert not [line for line in command.said[before:] if line.startswith("engine:")]
    check(command.picture(), tall, 12, LEVELS)
    line = command.until("engine: null", after=before)
    width, height = map(int, line.rpartition(" ")[2].split("x"))
    assert height / width == pytest.approx(16 / 9, rel=0.05)
    assert command.until(f"another shape, for which {width}x{height} is built", after=before)
    check(command.picture(), tall, 12, LEVELS)
    assert command.stop() == 0
    assert command.errors == []
