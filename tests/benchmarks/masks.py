"""What masks cost: milliseconds of processor time that each adds to a picture of 1280x720, by turns
with the mask off, on a clip of a person.

    python tests/benchmarks/masks.py CLIP [PLATE]

tests/data/make_talking_head.py makes such a clip. PLATE is a picture of its room.
"""

from __future__ import annotations

import sys
from statistics import median

import cv2
import numpy as np

from streamcam.bench.mask_cost import mask_ms
from streamcam.capture import Wanted, open_source
from streamcam.options import Options
from streamcam.presets import load_preset
from streamcam.provision.build import open_engine

WAYS = (
    ("as it is", "styled"),
    ("styled", "as it is"),
    ("as it is", "blur"),
    ("as it is", "colour"),
)
ROUNDS = 3


def main() -> None:
    """Print a table."""
    cv2.setNumThreads(1)  # as in a run
    source = open_source(sys.argv[1], Wanted(realtime=False))
    clip = []
    while len(clip) < 12:
        frame = source.read()
        if frame is not None:
            clip.append(np.ascontiguousarray(frame.pixels))
    source.close()
    plate = sys.argv[2] if len(sys.argv) > 2 else ""
    preset = load_preset("anime")
    options = Options(preset=preset, source="demo", outputs=("null",), size=(256, 144), web=False)
    engine = open_engine(options, lambda: 16 / 9).engine
    try:
        for name in ("person", "green", *(["plate"] if plate else [])):
            for person, background in WAYS:
                mask = preset.mask.model_copy(
                    update={
                        "source": name,
                        "person": person,
                        "background": background,
                        "plate": plate,
                    }
                )
                masked = Options(
                    preset=preset.model_copy(update={"mask": mask}),
                    source="demo",
                    outputs=("null",),
                    size=(256, 144),
                    web=False,
                )
                costs = [mask_ms(masked, engine, clip) for _ in range(ROUNDS)]
                print(f"{name:7} {person:9} {background:9} {median(costs):5.1f} ms", flush=True)
    finally:
        engine.close()


if __name__ == "__main__":
    main()
