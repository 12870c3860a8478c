"""What masks cost: milliseconds of processor time that each adds to a picture of 1280x720, by turns
with the mask off, on a clip of a person.

    python tests/benchmarks/masks.py CLIP SOURCE [PLATE]

SOURCE is person, green, plate or a network's file. tests/data/make_talking_head.py makes such a
clip. PLATE is a picture of its room.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from statistics import median
from time import process_time

import cv2
import numpy as np

from streamcam.bench.mask_cost import mask_ms
from streamcam.capture import Wanted, open_source
from streamcam.frames import Pixels
from streamcam.mask.source import open_source as mask_source
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


def source_ms(options: Options, clip: list[Pixels]) -> float:
    """Milliseconds of processor time that the source alone takes, as a median."""
    found = mask_source(options.preset.mask)
    halves = [cv2.resize(one, (640, 360), interpolation=cv2.INTER_AREA) for one in clip]
    times = []
    for number in range(96):
        began = process_time()
        found.look_at(np.asarray(halves[number % len(halves)], np.uint8))
        times.append(process_time() - began)
    return median(times) * 1e3


def main() -> None:
    """Print a table."""
    cv2.setNumThreads(1)  # as in a run
    clip_name, name, plate = (*sys.argv[1:], "")[:3]
    source = open_source(clip_name, Wanted(realtime=False))
    clip: list[Pixels] = []
    while len(clip) < 12:
        frame = source.read()
        if frame is not None:
            clip.append(np.ascontiguousarray(frame.pixels))
    source.close()
    plain = Options(
        preset=load_preset("anime"), source="demo", outputs=("null",), size=(256, 144), web=False
    )
    engine = open_engine(plain, lambda: 16 / 9).engine
    try:
        for person, background in WAYS:
            wanted = {"source": name, "person": person, "background": background, "plate": plate}
            mask = plain.preset.mask.model_copy(update=wanted)
            preset = plain.preset.model_copy(update={"mask": mask})
            options = replace(plain, preset=preset)
            costs, alone = [], []
            for _ in range(ROUNDS):
                costs.append(mask_ms(options, engine, clip))
                alone.append(source_ms(options, clip))
            print(
                f"{name:7} {person:9} {background:9} {median(costs):5.1f} ms, of which the source "
                f"{median(alone):4.1f} ms",
                flush=True,
            )
    finally:
        engine.close()


if __name__ == "__main__":
    main()
