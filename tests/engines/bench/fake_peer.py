"""A peer with nothing to install: pictures are negatives. The prompt says how it misbehaves."""

import os
import sys

import numpy as np


def open_peer(request):
    print("a library prints to stdout")
    fault = request.get("fault")
    if fault == "refuses":
        raise ValueError("no such\nmodel")
    frames = iter(range(1000))

    def restyle(frame_HWC):
        if fault == "dies" and next(frames) == 3:
            print("out of memory", file=sys.stderr, flush=True)
            os._exit(9)
        picture = 255 - frame_HWC
        return picture.astype(np.float32) if fault == "floats" else picture

    return restyle, ["a note"]
