"""Damaged films of every container and codec that PyAV can write here: what comes out of a source
is pictures, its end, or an error that says so. Nothing else, and it comes to an end.

Seeded, so that what fails once fails again: `damaged` says how, from the number of the round.
"""

from __future__ import annotations

import os
from pathlib import Path

import av
import numpy as np
import pytest
from capture_fakes import FakeClock, red

from streamcam.capture import Wanted
from streamcam.capture.video import VideoSource
from streamcam.capture.video.decoder import Decoder
from streamcam.errors import SourceLost, UsageError

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "12"))  # of each film; more of them find more
SIZE, PICTURES = (96, 64), 24
# name of the file: (muxer or None for that of the suffix, encoder, pixels, options)
FILMS = {
    "h264.mp4": (None, "libx264", "yuv420p", {"g": "8"}),
    "fragments.mp4": (None, "libx264", "yuv420p", {"g": "8", "bf": "0"}),
    "mpeg4.mov": (None, "mpeg4", "yuv420p", {}),
    "h263.3gp": (None, "h263", "yuv420p", {}),
    "h264.mkv": (None, "libx264", "yuv420p", {"g": "8"}),
    "ffv1.mkv": (None, "ffv1", "yuv444p", {}),
    "vp8.webm": (None, "libvpx", "yuv420p", {"deadline": "realtime"}),
    "vp9.webm": (None, "libvpx-vp9", "yuv420p", {"deadline": "realtime", "cpu-used": "8"}),
    "mpeg4.avi": (None, "mpeg4", "yuv420p", {}),
    "mjpeg.avi": (None, "mjpeg", "yuvj420p", {}),
    "raw.avi": (None, "rawvideo", "bgr24", {}),
    "h264.flv": (None, "libx264", "yuv420p", {"g": "8"}),
    "flv1.flv": (None, "flv", "yuv420p", {}),
    "h264.ts": (None, "libx264", "yuv420p", {"g": "8"}),
    "mpeg2.ts": (None, "mpeg2video", "yuv420p", {}),
    "mpeg2.mpg": (None, "mpeg2video", "yuv420p", {}),
    "vp8.ogv": ("ogg", "libvpx", "yuv420p", {"deadline": "realtime"}),
    "ffv1.nut": (None, "ffv1", "yuv420p", {}),
    "wmv2.wmv": (None, "wmv2", "yuv420p", {}),
    "mpeg2.mxf": (None, "mpeg2video", "yuv422p", {}),
    "vp8.ivf": (None, "libvpx", "yuv420p", {"deadline": "realtime"}),
    "short.gif": (None, "gif", "rgb8", {}),
    "short.apng": (None, "apng", "rgb24", {}),
    "sound.mp4": (None, "libx264", "yuv420p", {"g": "8"}),
    "sound.mkv": (None, "libx264", "yuv420p", {"g": "8"}),
    "sound.ts": (None, "libx264", "yuv420p", {"g": "8"}),
    "sound.flv": (None, "libx264", "yuv420p", {"g": "8"}),
    "raw.mjpeg": (None, "mjpeg", "yuvj420p", {}),
    "raw.h264": (None, "libx264", "yuv420p", {"g": "8"}),
    "raw.m4v": (None, "mpeg4", "yuv420p", {}),
}


@pytest.fixture(scope="module", params=FILMS)
def film(request, tmp_path_factory) -> Path:
    muxer, encoder, pixels, options = FILMS[request.param]
    path = tmp_path_factory.mktemp("film") / request.param
    flags = {"movflags": "frag_keyframe+empty_moov"} if "fragments" in request.param else {}
    with av.open(str(path), "w", format=muxer, options=flags) as container:
        size = (176, 144) if encoder == "h263" else SIZE
        stream = container.add_stream(encoder, 25, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        sound = container.add_stream("aac", 48000) if "sound" in request.param else None
        for number in range(PICTURES):
            picture = np.full((size[1], size[0], 3), red(number), np.uint8)
            picture[number : number + 9, number : number + 9] = 255 - 9 * number
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
            if sound is not None:
                container.mux(sound.encode(hum(number)))
        container.mux(stream.encode())
        if sound is not None:
            container.mux(sound.encode())
    return path


def hum(number: int) -> av.AudioFrame:
    """A frame of sound, long enough for one picture and a bit."""
    frame = av.AudioFrame.from_ndarray(np.full((1, 2048), 0.1, np.float32), "fltp", "mono")
    frame.sample_rate, frame.pts = 48000, 2048 * number
    return frame


def damaged(whole: bytes, seed: int) -> bytes:
    """Bytes changed, a stretch lost, doubled or emptied, the end cut off: also in the header."""
    rng = np.random.default_rng(seed)
    data = bytearray(whole)
    reach = len(data) if rng.random() < 0.7 else min(len(data), 400)
    for _ in range(rng.integers(1, 4)):
        at, length = int(rng.integers(reach)), int(rng.integers(1, max(2, reach // 8)))
        match rng.integers(5):
            case 0:
                for place in rng.integers(0, min(reach, len(data)), int(rng.integers(1, 40))):
                    data[place] = int(rng.integers(256))
            case 1:
                del data[at : at + length]
            case 2:
                data[at : at + length] = bytes(len(data[at : at + length]))
            case 3:
                data[at:at] = data[at : at + length]
            case 4:
                del data[max(at, 16) :]
        if len(data) < 16:
            break
    return bytes(data)


def play(path: Path, wanted: Wanted, most: int) -> int:
    """Read up to `most` times; how many pictures came."""
    clock, count = FakeClock(), 0
    try:
        source = VideoSource(Decoder(str(path)), wanted, clock)
    except UsageError:
        return 0
    try:
        for _ in range(most):
            frame = source.read()
            if frame is not None:
                assert frame.pixels.shape[2] == 3
                count += 1
    except (EOFError, SourceLost):
        pass
    finally:
        source.close()
    return count


def test_a_damaged_film_plays_or_ends(film, tmp_path):
    whole = film.read_bytes()
    path = tmp_path / film.name
    path.write_bytes(whole)
    assert play(path, Wanted(realtime=False, loop=False), 200) >= PICTURES - 2
    for seed in range(ROUNDS):
        path.write_bytes(damaged(whole, seed))
        play(path, Wanted(realtime=False, loop=False), 200)
        play(path, Wanted(), 60)
