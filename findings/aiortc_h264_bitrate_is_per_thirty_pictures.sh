#!/usr/bin/env bash
# aiortc 1.16.0, PyAV 18.1.0 (libx264 inside), numpy 2.3.5.
#
# aiortc follows the bandwidth that the browser reports (REMB) and gives it to its encoder as bits per
# second. Its H.264 encoder is opened for 30 pictures a second whatever the track delivers, so that the
# number means bits per 30 PICTURES. An image generator of 8 fps uses a quarter of the link, and its
# pictures are as coarse as if the link were that slow; a track of 60 fps sends twice what one of 30 does. VP8,
# the default, keeps to seconds.
#
# And the rate of a running x264 is not changed: at more than 10 % a new encoder is opened, which
# begins with a keyframe. While the estimate climbs, as it does after each start and each loss, the
# stream is a chain of keyframes, each several times the size of another picture.
#
# Seen (1000 kbit/s asked for, at 15, 30, 60 fps): H.264 376, 751, 1502; VP8 1042, 1004, 979. A target that grows by
# 8 % at every tenth picture: a keyframe at every twentieth, 8 times as big as the rest; without changes one in all.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q aiortc==1.16.0 av==18.1.0 numpy==2.3.5
"$work/venv/bin/python" - <<'PYTHON' 2>/dev/null
import fractions

import av
import numpy as np
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder

random = np.random.default_rng(0)
wide = random.normal(128, 30, (360, 1200, 3))
for axis in (0, 1):
    wide = (wide + np.roll(wide, 1, axis) + np.roll(wide, 2, axis)) / 3
wide = np.clip(wide, 0, 255).astype(np.uint8)


def track(pictures, rate):
    for number in range(pictures):
        moved = np.ascontiguousarray(wide[:, number * 3 : number * 3 + 640])
        frame = av.VideoFrame.from_ndarray(moved, "rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = round(number * 90000 / rate), fractions.Fraction(1, 90000)
        yield frame


def kilobits_a_second(encoder, rate):
    encoder.target_bitrate = 1_000_000
    sizes = [sum(map(len, encoder.encode(frame)[0])) for frame in track(150, rate)]
    return sum(sizes[30:]) * 8 / (120 / rate) / 1000


found = {}
for name, kind in (("H.264", H264Encoder), ("VP8", Vp8Encoder)):
    for rate in (15, 30, 60):
        found[name, rate] = kilobits_a_second(kind(), rate)
        print(f"{name:6} {rate} fps: 1000 kbit/s asked for, {found[name, rate]:.0f} sent")


def begins_a_picture_of_its_own(payloads):
    """Whether a packet carries parameter sets or an IDR picture (RFC 6184)."""
    for one in payloads:
        kind = one[0] & 31
        first = one[3] & 31 if kind == 24 else one[1] & 31 if kind == 28 and one[1] & 128 else kind
        if first in (5, 7):
            return True
    return False


keyframes = {}
for growth in (1.0, 1.08):
    encoder = H264Encoder()
    encoder.target_bitrate = 1_000_000
    sizes, keyframes[growth] = [], []
    for number, frame in enumerate(track(150, 30)):
        if number % 10 == 9:
            encoder.target_bitrate = int(encoder.target_bitrate * growth)
        payloads, _ = encoder.encode(frame, force_keyframe=number == 0)
        sizes.append(sum(map(len, payloads)))
        if begins_a_picture_of_its_own(payloads):
            keyframes[growth].append(number)
    others = [size for number, size in enumerate(sizes) if number not in keyframes[growth]]
    times = np.mean([sizes[number] for number in keyframes[growth]]) / np.mean(others)
    print(f"target times {growth} at every tenth picture: keyframes at {keyframes[growth]}, {times:.1f} times as big as the rest")
for slow, fast in ((15, 30), (30, 60)):
    assert 1.7 < found["H.264", fast] / found["H.264", slow] < 2.3, "H.264 keeps to seconds now"
    assert 0.8 < found["VP8", fast] / found["VP8", slow] < 1.25
assert len(keyframes[1.0]) == 1 and len(keyframes[1.08]) >= 5, "a change costs no keyframe now"
PYTHON
