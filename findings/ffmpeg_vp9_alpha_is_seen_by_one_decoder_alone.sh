#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8.1 and libvpx inside), numpy 2.3.5.
#
# A .webm in VP9 with alpha (libvpx-vp9, yuva420p) is two streams of pictures in one: the alpha goes along as side data of
# each packet (BlockAdditional), and the stream itself says yuv420p. FFmpeg's own VP9 decoder, which every program gets
# that names none, shows the picture without it: no error, no warning, opaque pictures in yuv420p. Only the decoder libvpx-vp9, asked
# for by name, gives yuva420p. The one sign before decoding is the tag alpha_mode=1 of the Matroska stream. So a person cut
# out of a room comes back with the room, or with whatever colour lies under an alpha of 0: what must not be seen has to be
# taken out of the colours as well, not only marked as transparent.
#
# Seen: written with alpha 0 and 255 by halves. "vp9": yuv420p, the colour under alpha 0 in full sight. "libvpx-vp9": yuva420p,
# alpha 0 and 255. The tag: alpha_mode 1 for both.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q av==18.1.0 numpy==2.3.5
cd "$work"
"$work/venv/bin/python" - <<'PYTHON' 2>/dev/null
import av
import numpy as np

SIZE = 128
rgba = np.zeros((SIZE, SIZE, 4), np.uint8)
rgba[..., :3] = 200, 30, 40  # red everywhere, also where nobody is to see it
rgba[:, SIZE // 2 :, 3] = 255

with av.open("cut.webm", "w") as film:
    stream = film.add_stream("libvpx-vp9", rate=25, options={"auto-alt-ref": "0"})
    stream.width = stream.height = SIZE
    stream.pix_fmt = "yuva420p"
    for _ in range(5):
        film.mux(stream.encode(av.VideoFrame.from_ndarray(rgba, format="rgba").reformat(format="yuva420p")))
    film.mux(stream.encode(None))

seen = {}
for name in ("vp9", "libvpx-vp9"):
    with av.open("cut.webm") as film:
        stream = film.streams.video[0]
        tag = {key.lower(): value for key, value in stream.metadata.items()}.get("alpha_mode")
        decoder = av.CodecContext.create(name, "r")
        decoder.extradata = stream.codec_context.extradata
        frames = [frame for packet in film.demux(stream) for frame in decoder.decode(packet if packet.size else None)]
        frame = frames[0]
        pixels = frame.to_ndarray(format="rgba")
        seen[name] = frame.format.name
        left, right = pixels[64, 20], pixels[64, 100]
        print(f"{name:10} gives {frame.format.name}: where alpha is 0 {left.tolist()}, where it is 255 {right.tolist()}; alpha_mode {tag}")
        if name == "vp9":
            assert left[3] == 255 and abs(int(left[0]) - 200) < 12, "it sees the alpha now"
        else:
            assert left[3] < 8 and right[3] > 247, "it does not see the alpha now"
        assert tag == "1"
assert seen == {"vp9": "yuv420p", "libvpx-vp9": "yuva420p"}, seen
PYTHON
