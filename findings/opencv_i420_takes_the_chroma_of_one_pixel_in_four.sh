#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93, av 18.1.0 (libswscale 9.5), numpy 2.3.5.
#
# I420 has one colour for 2x2 pixels. Expected is their mean, as swscale, libyuv and encoders make it. OpenCV's
# COLOR_RGB2YUV_I420 takes the colour of the upper left pixel and throws three away, so that fine
# coloured edges flicker in a camera's picture as they move by one pixel. Its sister COLOR_RGB2YUV_UYVY, for
# which one colour covers two pixels, does take the mean of them: the two cannot be swapped for each other.
#
# Seen (U of red at one place of each 2x2 on black, where the mean is 119): I420 90 at the upper left, 128 (none) at
# the other three; UYVY 109 at both places of a pair, which is the mean; swscale 119 at all four.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q opencv-python-headless==5.0.0.93 av==18.1.0 numpy==2.3.5
"$work/venv/bin/python" - <<'PYTHON'
import av
import cv2
import numpy as np

height = width = 64
found = {"OpenCV I420": [], "OpenCV UYVY": [], "swscale yuv420p": []}
for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
    picture = np.zeros((height, width, 3), np.uint8)
    picture[row::2, column::2] = (255, 0, 0)
    planes = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420).reshape(-1)
    found["OpenCV I420"].append(int(planes[height * width :][: height * width // 4].reshape(32, 32)[8, 8]))
    found["OpenCV UYVY"].append(int(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_UYVY)[row + 8, 8, 0]))
    frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")
    found["swscale yuv420p"].append(int(np.frombuffer(frame.planes[1], np.uint8)[8 * frame.planes[1].line_size + 8]))
print("U where red is at the upper left, upper right, lower left, lower right of each 2x2:")
for name, values in found.items():
    print(f"  {name:16}", *values)
assert found["OpenCV I420"][0] < 95 and found["OpenCV I420"][1:] == [128, 128, 128], "I420 takes more than one pixel now"
assert set(found["OpenCV UYVY"]) == {109} and set(found["swscale yuv420p"]) == {119}
PYTHON
