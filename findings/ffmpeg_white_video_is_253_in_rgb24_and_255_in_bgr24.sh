#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8.1, libswscale 9.5), numpy 2.3.5, x86-64.
#
# `frame.to_ndarray(format="rgb24")` and "bgr24" are expected to be one picture with its channels swapped, within a
# rounding of the exact one. They are different pictures. Video white (luma 235) of an NV12 or 10-bit frame, which is
# what hardware decoders, cameras and phones deliver, or of any 4:2:0 frame that is resized on the way, comes
# out as 253, 253, 253 in rgb24 and as 255 in bgr24, and half size in bgr24 is 255, 253, 255: faintly magenta. Greys
# are 1.8 levels too dark on average in rgb24, 0.5 in bgr24. Only 4:4:4 is right by itself.
# The flag that promises better, ACCURATE_RND, makes plain 4:2:0 worse: from 0.5 too dark to 1.8. With
# FULL_CHR_H_INT alone 4:2:0 stays as it was. Both together are exact, in both orders, for every format.
#
# Seen: the numbers above, in the table that this prints.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q av==18.1.0 numpy==2.3.5
"$work/venv/bin/python" - <<'PYTHON' 2>/dev/null
import platform
import sys

import av
import numpy as np
from av.video.reformatter import Interpolation as Flag

if platform.machine() not in ("x86_64", "AMD64"):
    sys.exit("bgr24 has code of its own on x86-64 only: nothing to compare")
codes = np.arange(16, 236)  # every grey of limited range, black to white
luma = np.concatenate([codes, np.full(36, 235)])
exact = (codes - 16) * 255 / 219


def film(name):
    depth = 4 if name == "yuv420p10le" else 1
    frame = av.VideoFrame(256, 64, "yuv420p" if name == "nv12" else name)
    for plane, value in zip(frame.planes, (luma * depth, 128 * depth, 128 * depth)):
        lines = np.zeros((plane.height, plane.line_size // (2 if depth == 4 else 1)), np.uint16 if depth == 4 else np.uint8)
        lines[:, : plane.width] = value
        plane.update(lines.tobytes())
    return frame.reformat(format="nv12") if name == "nv12" else frame


def seen(name, order, flags=Flag.BILINEAR, size=(256, 64)):
    line = film(name).reformat(*size, format=order, interpolation=flags).to_ndarray()[8].astype(int)
    bias = float((line[:220] - exact[:, None]).mean()) if size == (256, 64) else None
    return line[-4].tolist(), bias


both, half = Flag.FULL_CHR_H_INT | Flag.ACCURATE_RND, (128, 32)
found = {}
for name in ("yuv444p", "yuv420p", "nv12", "yuv420p10le"):
    for order in ("rgb24", "bgr24"):
        found[name, order] = seen(name, order)
        found[name, order, "half size"] = seen(name, order, size=half)
        found[name, order, "ACCURATE_RND"] = seen(name, order, Flag.BILINEAR | Flag.ACCURATE_RND)
        found[name, order, "FULL_CHR_H_INT, ACCURATE_RND"] = seen(name, order, Flag.BILINEAR | both)
for case, (white, bias) in found.items():
    print(f"{', '.join(case):55} white {white}" + ("" if bias is None else f", greys {bias:+.2f}"))
for name in ("nv12", "yuv420p10le"):
    assert found[name, "rgb24"][0] == [253] * 3 and found[name, "rgb24"][1] < -1.5
    assert found[name, "bgr24"][0] == [255] * 3 and -0.6 < found[name, "bgr24"][1] < -0.4
assert found["yuv420p", "rgb24"][0] == [255] * 3 and -0.6 < found["yuv420p", "rgb24"][1] < -0.4
assert found["yuv420p", "rgb24", "half size"][0] == [253] * 3
assert found["yuv420p", "bgr24", "half size"][0] == [255, 253, 255]
assert found["yuv420p", "rgb24", "ACCURATE_RND"][1] < -1.5
for case, (white, bias) in found.items():
    if case[0] == "yuv444p" or "FULL_CHR_H_INT" in case[-1]:
        assert white == [255] * 3 and abs(bias or 0) < 0.05, case
PYTHON
