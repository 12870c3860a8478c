"""What it saves to restyle only the part of a frame that changed, and how the picture differs.

    python tests/benchmarks/patches.py CLIP                  every preset
    python tests/benchmarks/patches.py CLIP anime neon       these
    python tests/benchmarks/patches.py CLIP --size 320x176 --backend torch --sheet FOLDER

CLIP is a video of somebody who talks in front of a still room; tests/data/make_talking_head.py
makes one. Two engines restyle the frames that the gate lets pass, by turns: one whole frames, the
other what the gate says has changed. Time is the processor's, of all threads, which other programs
hardly lengthen; for a GPU say --wall. Decibels are of PSNR to the whole frame: in what changed, in
the least of those, and in the whole picture. --sheet writes every tenth picture beside the whole
one.
"""

import argparse
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

import av
import cv2
import numpy as np

from engines.api import EngineSpec
from engines.build import build
from streamcam.flow.infer.engine_input import EngineInput
from streamcam.frames.geometry import View
from streamcam.gate import open_gate
from streamcam.looks.aim import encoded
from streamcam.presets import load_preset, preset_names


@dataclass
class Turn:
    """One frame that passed the gate."""

    whole_ms: float
    ours_ms: float
    patched: bool
    inside: float | None
    everywhere: float


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip")
    parser.add_argument("presets", nargs="*")
    parser.add_argument("--size", default="448x256")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--frames", type=int, default=90)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--wall", action="store_true")
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    frames = clip_frames(options.clip, options.frames)
    for name in options.presets or preset_names():
        preset = load_preset(name)
        spec = EngineSpec(
            width=width, height=height, backend=options.backend, guidance_mode=preset.guidance_mode
        )
        whole, ours = build(spec), build(spec)
        try:
            clock = perf_counter if options.wall else process_time
            report(name, list(turns((whole, ours), preset, frames, options.sheet, clock)))
        finally:
            whole.close()
            ours.close()


def clip_frames(path, count):
    with av.open(path) as clip:
        frames = (frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0))
        return [frame for frame, _ in zip(frames, range(count), strict=False)]


def turns(engines, preset, frames, sheet, clock):
    """A Turn for every frame that passes, in a second round: the first finds out which patches are
    of use."""
    whole, ours = engines
    looks = [encoded(preset.look(), engine.encode) for engine in engines]
    for given, area, _ in passing(ours, preset, frames):
        timed(ours, given, looks[1], area, clock)
    ours.prepare_patches()
    ours.restart()
    for given, area, number in passing(ours, preset, frames):
        expected, whole_ms = timed(whole, given, looks[0], None, clock)
        picture, ours_ms = timed(ours, given, looks[1], area, clock)
        inside = psnr(area.of(picture), area.of(expected)) if ours.patched else None
        yield Turn(whole_ms, ours_ms, ours.patched, inside, psnr(picture, expected))
        if sheet is not None and number % 10 == 0:
            sheet.mkdir(parents=True, exist_ok=True)
            both = cv2.cvtColor(np.hstack([picture, expected]), cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(sheet / f"{preset.name}-{number:04}.png"), both)


def passing(engine, preset, frames):
    """The engine's input, what changed of it, and its number."""
    fit = EngineInput((engine.spec.width, engine.spec.height), View(frames[0].shape[1::-1]))
    gate = open_gate("similarity", preset.gate, 0)
    for number, frame in enumerate(frames):
        if gate.passes(frame):
            given, _ = fit(frame)
            yield given, None if gate.changed is None else fit.area(gate.changed), number


def timed(engine, frame, look, area, clock):
    out = np.empty_like(frame)
    began = clock()
    engine.start(frame, look, out, area)
    engine.finish()
    return out, (clock() - began) * 1e3


def psnr(one, other):
    error = float(((one.astype(np.float32) - other) ** 2).mean())
    return 10 * np.log10(255.0**2 / error) if error else 99.0


def report(name, seen):
    kinds = Counter(turn.patched for turn in seen)
    inside = [turn.inside for turn in seen if turn.inside is not None]
    ratio = np.mean([turn.ours_ms for turn in seen]) / np.mean([turn.whole_ms for turn in seen])
    single = np.median([turn.ours_ms / turn.whole_ms for turn in seen if turn.patched])
    print(
        f"{name:11} frames {len(seen)}, patches {kinds[True] / len(seen):.0%}, mean time "
        f"{ratio:.2f} of whole, a patch {single:.2f}; inside {np.mean(inside):.1f} dB (least "
        f"{min(inside):.1f}), everywhere {np.mean([turn.everywhere for turn in seen]):.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
