"""By how much a look that changes on the beat misses it at the sink, with look-ahead and without.

    python tests/benchmarks/beat_error.py [--size 320x176] [--changes 12] [--bpm 120]

The real program on a camera that turns; a bright look and a dark one take turns, uncrossed.
With: what `quantise = "beat"` does. Without: the same change, asked for at the beat itself.
Milliseconds from the nearest beat, or from that beat, to the first picture in the other look.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter, sleep

import before_after
import numpy as np

from streamcam.control.acts import LOOK
from streamcam.control.doors import Doors, Wanted
from streamcam.pipeline import Options, Pipeline
from streamcam.presets import Preset, load_preset

SETTLE = 1.5  # seconds after a change: three times what the slowest engine here takes


class Watch:
    """A Sink that notes how bright each picture is, and when it came."""

    label, paced, main_thread, watched, reopen_as, finishes = (
        "memory",
        True,
        False,
        True,
        None,
        None,
    )

    def __init__(self):
        self.seen = []

    def write(self, frame):
        self.seen.append((perf_counter(), float(frame.pixels[::16, ::16].mean())))

    def close(self): ...


def changed_at(seen):
    """Seconds at which the brightness went over the middle, first."""
    times, light = np.array(seen).T
    middle = (np.median(light[:5]) + np.median(light[-5:])) / 2.0
    after = (light > middle) != (light[0] > middle)
    return times[np.argmax(after)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="320x176")
    parser.add_argument("--changes", type=int, default=12)
    parser.add_argument("--bpm", type=float, default=120.0)
    arguments = parser.parse_args()
    table = {
        "prompt": load_preset("sketch").prompt,
        "strength": 0.9,
        "guidance_mode": "self",
        "crossfade": 0.0,
        "looks": {"dark": load_preset("neon").prompt},
        "control": {"quantise": "beat", "bpm": arguments.bpm},
    }
    clip, sink = before_after.Clip(before_after.turning()), Watch()
    options = Options(
        preset=Preset.from_table(table, Path("bright.toml")),
        source="demo",
        outputs=("null",),
        size=tuple(int(side) for side in arguments.size.split("x")),
        web=False,
        open_source=lambda choice, wanted: clip,
        open_sink=lambda choice, form: sink,
    )
    pipeline = Pipeline(options, lambda line: None)
    doors = Doors(pipeline)
    doors.take(Wanted(bpm=arguments.bpm))
    pipeline.start()
    doors.open()
    try:
        pipeline.wait(5.0)
        missed = {"with": [], "without": []}
        for number in range(2 * arguments.changes):
            way = ("with", "without")[number // 2 % 2]
            missed[way].append(_miss(doors, sink, ("dark", "bright")[number % 2], way))
        latency = pipeline.stats.snapshot().style_latency_ms_p50
    finally:
        doors.close()
        pipeline.stop()
    print(f"style latency {latency:.0f} ms; {arguments.bpm:g} beats a minute")
    for way, errors in missed.items():
        size = [abs(error) for error in errors]
        print(
            f"{way} look-ahead: median {median(errors):+.0f} ms, of the sizes {median(size):.0f}, "
            f"most {max(size):.0f}"
        )


def _miss(doors, sink, look, way):
    """Milliseconds."""
    sleep(Random(look + str(len(sink.seen))).random())
    tempo, now, first = doors.desk.program.tempo, perf_counter(), len(sink.seen)
    beat = tempo.following(now + 0.1, 1)
    if way == "with":
        doors.desk.select_look(look)
    else:
        doors.desk.post([doors.desk.named(LOOK, look)], at=beat)
    sleep(60.0 / tempo.bpm + SETTLE)
    at = changed_at(sink.seen[first:])
    beats = tempo.beat_at(at)
    return 1e3 * ((beats - round(beats)) * 60.0 / tempo.bpm if way == "with" else at - beat)


if __name__ == "__main__":
    main()
