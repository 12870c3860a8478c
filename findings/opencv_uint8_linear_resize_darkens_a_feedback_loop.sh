#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93, numpy 2.3.5 (4.13.0.92 did the same to the digit).
#
# A linear resize of uint8 pictures is expected to round, half a level either way and none on the
# average. OpenCV's default, INTER_LINEAR, loses an eighth of a level instead, and gains an eighth where it halves a
# picture. One resize shows nothing of it. A zoom that is fed back, the oldest effect of live video
# and a step of recurrent image generation too, multiplies it by the frames: the picture sinks into the dark.
# INTER_AREA, where it enlarges, is the same code. INTER_LINEAR_EXACT, which stands in the manual as the
# bit-exact variant and reads as a matter of reproducibility, and INTER_CUBIC do round to the nearest.
#
# Seen: mean level 123.8 at the start; after 100 frames that each zoom by 1 %: INTER_LINEAR 112.9, INTER_AREA 113.0, INTER_LINEAR
# in float32 124.8, INTER_LINEAR_EXACT 124.8. Of one resize: -0.13, +0.125 at exactly one half.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q opencv-python-headless==5.0.0.93 numpy==2.3.5
"$work/venv/bin/python" - <<'PYTHON'
import cv2
import numpy as np

random = np.random.default_rng(0)
start = cv2.GaussianBlur(random.integers(0, 256, (360, 640, 3), dtype=np.uint8), (0, 0), 1.5)
start = cv2.normalize(start, None, 0, 255, cv2.NORM_MINMAX)


def after(frames, picture, how):
    for _ in range(frames):
        picture = cv2.resize(picture[2:-2, 3:-3], (640, 360), interpolation=how)
    return float(picture.mean())


print(f"OpenCV {cv2.__version__}: mean level {start.mean():.1f} before, after 100 frames of zoom:")
level = {
    "float32, INTER_LINEAR": after(100, start.astype(np.float32), cv2.INTER_LINEAR),
    "uint8, INTER_LINEAR": after(100, start, cv2.INTER_LINEAR),
    "uint8, INTER_AREA": after(100, start, cv2.INTER_AREA),
    "uint8, INTER_LINEAR_EXACT": after(100, start, cv2.INTER_LINEAR_EXACT),
    "uint8, INTER_CUBIC": after(100, start, cv2.INTER_CUBIC),
}
for name, mean in level.items():
    print(f"  {name:26} {mean:.1f}")
true = level["float32, INTER_LINEAR"]
for name in ("uint8, INTER_LINEAR", "uint8, INTER_AREA"):
    assert level[name] < true - 8, f"{name} rounds to the nearest now"
for name in ("uint8, INTER_LINEAR_EXACT", "uint8, INTER_CUBIC"):
    assert abs(level[name] - true) < 1, f"{name} drifts now"

noise = random.integers(0, 256, (1024, 1024), dtype=np.uint8)
for size in (1500, 700, 512):
    exact = cv2.resize(noise.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)
    bias = float((cv2.resize(noise, (size, size), interpolation=cv2.INTER_LINEAR) - exact).mean())
    print(f"  one INTER_LINEAR from 1024 to {size}: {bias:+.3f} of a level")
    assert abs(bias - (0.125 if size == 512 else -0.128)) < 0.01, "the bias is another now"
PYTHON
