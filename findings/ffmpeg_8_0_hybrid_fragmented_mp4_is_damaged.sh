#!/usr/bin/env bash
# PyAV 17.0.0 (FFmpeg 8.0, libavformat 62.3) and PyAV 18.1.0 (FFmpeg 8.1, libavformat 62.12), numpy 2.3.5.
# Seen: InvalidDataError when the first is opened again; 60 of 60 pictures with the second.
#
# `movflags=hybrid_fragmented` promises an MP4 that is fragmented while it grows, so that it plays
# wherever it is cut off, and a plain one with a single index once it is closed. With `delay_moov`,
# which waits for the first packets before it writes what a player must know of them, the option is
# accepted without a word by both versions. Up to FFmpeg 8.0 the closed file is damaged all the
# same; from 8.1 on it plays to its last picture.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/film.py" <<'PYTHON'
import sys

import av
import numpy as np

path, pictures = sys.argv[1], 60
options = {"movflags": "hybrid_fragmented+delay_moov", "frag_duration": "400000"}
with av.open(path, "w", format="mp4", options=options) as film:
    stream = film.add_stream("libx264", 30, options={"g": "30", "bf": "0"})
    stream.width, stream.height, stream.pix_fmt = 256, 144, "yuv420p"
    for number in range(pictures):
        picture = np.full((144, 256, 3), number * 4, np.uint8)
        film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
    film.mux(stream.encode(None))
try:
    with av.open(path) as film:
        shown = sum(1 for _ in film.decode(video=0))
except Exception as error:
    shown = f"{type(error).__name__}: {error}".split(":")[0]
print(f"PyAV {av.__version__}, libavformat {'.'.join(map(str, av.library_versions['libavformat']))}: {shown} of {pictures} pictures")
sys.exit(0 if (shown == pictures) == (sys.argv[2] == "whole") else 1)
PYTHON
for case in 17.0.0=damaged 18.1.0=whole; do
  python3 -m venv "$work/${case%=*}"
  "$work/${case%=*}/bin/pip" install -q "av==${case%=*}" numpy==2.3.5
  "$work/${case%=*}/bin/python" "$work/film.py" "$work/${case%=*}.mp4" "${case#*=}" 2>/dev/null
done
