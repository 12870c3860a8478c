#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93 against 4.13.0.92, numpy 2.3.5.
#
# Up to OpenCV 4 linear `remap` and `warpAffine` rounded each coordinate to 1/32 of a pixel. OpenCV 5 made them
# exact, and an engineer who has tried that on a picture expects it of every array. It holds for
# float32 and uint16 arrays of 1, 3 and 4 channels. With TWO channels the old way is taken without a
# word: that is an optical flow that is warped itself, to chain flows or to check the forward one against the
# backward one. Five channels and float64 are rounded as well.
#
# Seen (0.3 pixels asked for): 5.0: 0.3 with 1, 3, 4 channels, 0.3125 with 2. 4.13: 0.3125 with all.
# Cure: warp the two planes of a flow one by one, or add an empty third one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/warp.py" <<'PYTHON'
import sys

import cv2
import numpy as np

asked, width = 0.3, 64
columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(8, dtype=np.float32))
affine = np.float32([[1, 0, -asked], [0, 1, 0]])


def shifts(channels, kind=np.float32):
    ramp = np.dstack([columns] * channels).astype(kind)  # the value of a pixel is its place
    both = cv2.remap(ramp, columns + np.float32(asked), rows, cv2.INTER_LINEAR), cv2.warpAffine(ramp, affine, (width, 8))
    return [float((one.reshape(8, width, -1)[..., 0] - columns)[4, 4:40].mean().round(4)) for one in both]


found = {f"float32, {channels} channels": shifts(channels) for channels in (1, 2, 3, 4, 5)}
found["float64, 1 channel"] = shifts(1, np.float64)
print(f"OpenCV {cv2.__version__}: shift by remap and by warpAffine, {asked} asked for")
for name, both in found.items():
    print(f"  {name:20}", *both)
exact = {name for name, both in found.items() if max(abs(one - asked) for one in both) < 1e-3}
rounded = {name for name, both in found.items() if both == [0.3125, 0.3125]}
wanted = {f"float32, {channels} channels" for channels in (1, 3, 4)} if sys.argv[1] == "5" else set()
assert exact == wanted and exact | rounded == set(found), "the rounding is another now"
PYTHON
for case in 4.13.0.92=4 5.0.0.93=5; do
  python3 -m venv "$work/${case%=*}"
  "$work/${case%=*}/bin/pip" install -q "opencv-python-headless==${case%=*}" numpy==2.3.5
  "$work/${case%=*}/bin/python" "$work/warp.py" "${case#*=}"
done
