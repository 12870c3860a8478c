#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8.1), numpy 2.3.5.
#
# FFmpeg's MP4 muxer ends a fragment at `frag_size` bytes. Where pictures are large, a fragment fills
# while the sound has no packet in it, and then the next sound packet is written with the time of the
# one after: every packet's duration is told by the next one's time, and that was not known yet. The
# times that are read back jump by a packet (21 ms of AAC), though all that went in was even. With
# `frag_duration` alone, or without fragments, they stay.
# Seen: even steps of 1024 samples went in; with frag_size steps of 2048 and 0 come out.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q av==18.1.0 numpy==2.3.5
"$work/venv/bin/python" - "$work" <<'PYTHON'
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

folder = Path(sys.argv[1])
RATE, STEP, FPS, SECONDS = 48000, 1024, 25, 2
noise = np.random.default_rng(1).integers(0, 256, (360, 640, 3), np.uint8)


def steps(name, **options):
    """Between the times of sound packets, in samples, as they are read."""
    path = folder / name
    with av.open(str(path), "w", options={"movflags": "empty_moov+default_base_moof", **options}) as film:
        pictures = film.add_stream("libx264", FPS, options={"crf": "4", "preset": "ultrafast", "tune": "zerolatency"})
        pictures.width, pictures.height, pictures.pix_fmt = 640, 360, "yuv420p"
        sound = film.add_stream("aac", RATE)
        packets = []
        for number in range(FPS * SECONDS):
            frame = av.VideoFrame.from_ndarray(np.roll(noise, 37 * number, 0), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            packets += pictures.encode(frame)
        packets += pictures.encode(None)
        for begin in range(0, RATE * SECONDS - STEP, STEP):
            heard = av.AudioFrame.from_ndarray(np.zeros((2, STEP), np.float32), "fltp", "stereo")
            heard.sample_rate, heard.pts, heard.time_base = RATE, begin, Fraction(1, RATE)
            packets += sound.encode(heard)
        packets += sound.encode(None)
        for packet in sorted(packets, key=lambda one: one.dts * one.time_base):
            film.mux(packet)
    with av.open(str(path)) as film:
        stream = film.streams.audio[0]
        times = [round(one.pts * one.time_base * RATE) for one in film.demux(stream) if one.pts is not None]
    return sorted(set(np.diff(times[:-1]).tolist()))


timed = steps("timed.mp4", frag_duration="500000")
sized = steps("sized.mp4", frag_duration="500000", frag_size=str(128 * 1024))
print("steps of sound, samples, by time:", timed)
print("steps of sound, samples, by size:", sized)
assert timed == [STEP], "by time alone the sound is even"
assert len(sized) > 1, "frag_size no longer moves the sound"
PYTHON
