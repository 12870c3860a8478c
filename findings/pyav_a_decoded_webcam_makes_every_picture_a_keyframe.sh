#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8.1), numpy 2.3.5.
#
# Decode, encode, mux: the short way to record a webcam or a stream of JPEGs as H.264. FFmpeg's own program wipes
# from each decoded frame what kind of picture it was. PyAV leaves it there, and libx264 takes it for an order:
# every JPEG is an "I" picture, so every picture of the recording becomes a keyframe, without a word, and
# g= and keyint= count for nothing. `reformat` to another size or format carries the mark along. Of H.264
# the new file inherits the places of the old keyframes. Arrays (from_ndarray) have no mark.
#
# Seen (60 pictures of a moving bar): 60 keyframes as decoded, also when reformatted; 1 with
# `frame.pict_type = 0` or by way of an array. The file is 3.5 times as big.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q av==18.1.0 numpy==2.3.5
"$work/venv/bin/python" - <<'PYTHON'
import io

import av
import numpy as np

pictures = 60
texture = np.random.default_rng(0).integers(60, 160, (240, 320, 3), dtype=np.uint8)


def webcam():
    film = io.BytesIO()
    with av.open(film, "w", format="matroska") as out:
        stream = out.add_stream("mjpeg", 30)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuvj420p"
        for number in range(pictures):
            picture = texture.copy()
            picture[:, number * 4 : number * 4 + 40] = 220
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        out.mux(stream.encode(None))
    return film.getvalue()


def unmarked(frame):
    frame.pict_type = 0
    return frame


def by_array(frame):
    array = av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24"), "rgb24")
    array.pts, array.time_base = frame.pts, frame.time_base
    return array


source, found = webcam(), {}
ways = {
    "as decoded": lambda frame: frame,
    "reformatted": lambda frame: frame.reformat(width=160, height=120, format="yuv420p"),
    "unmarked": unmarked,
    "by way of an array": by_array,
}
for name, prepared in ways.items():
    film = io.BytesIO()
    with av.open(io.BytesIO(source)) as camera, av.open(film, "w", format="matroska") as out:
        stream = out.add_stream("libx264", 30, options={"g": "250"})
        stream.width, stream.height = (160, 120) if name == "reformatted" else (320, 240)
        stream.pix_fmt = "yuv420p"
        packets = [packet for frame in camera.decode(video=0) for packet in stream.encode(prepared(frame))]
        packets += stream.encode(None)
        found[name] = sum(packet.is_keyframe for packet in packets)
        print(f"{name:20} {found[name]:2} of {len(packets)} pictures are keyframes, {sum(packet.size for packet in packets)} bytes")
assert found == {"as decoded": pictures, "reformatted": pictures, "unmarked": 1, "by way of an array": 1}
PYTHON
