"""How near the live picture is to an engine of twice the size and without delay, look by look.

    python tests/benchmarks/live_fidelity.py                 every preset
    python tests/benchmarks/live_fidelity.py anime neon      these

The engine renders at 320x176, every second frame, two frames late; what is shown is 640x352. Three
scenes of the bundled clip and a pan over a photograph, 24 frames each. The ideal is the same look
by an engine at 640x352 on the frame of that tick.
"""

import argparse
from pathlib import Path

import av
import cv2
import numpy as np

from engines.api import EngineSpec
from engines.build import build
from streamcam.capture.demo import CLIP
from streamcam.flow.post.finish import Finish
from streamcam.frames import Frame, MadeOf
from streamcam.frames.geometry import View
from streamcam.looks.aim import encoded
from streamcam.presets import load_preset, preset_names
from streamcam.resolve import Level
from streamcam.resolve.budget import Budget
from streamcam.resolve.measures import fidelity_db, sharpness

PHOTO = Path(__file__).parents[1] / "data" / "photo.jpg"
SCENES = {"cat": 1.0, "coffee": 6.0, "raccoon": 11.0}  # seconds into the clip
SIZE, ENGINE, FRAMES = (640, 352), (320, 176), 24
LATE, EVERY, STEP = 2, 2, (5, 1)  # frames, frames, pixels of the pan a frame
VIEW = View(SIZE)


def scene(seconds, count=FRAMES):
    with av.open(str(CLIP)) as clip:
        decoded = (frame for frame in clip.decode(video=0) if frame.time >= seconds)
        frames = [next(decoded).to_ndarray(format="rgb24") for _ in range(count)]
    return [cv2.resize(frame, SIZE, interpolation=cv2.INTER_LINEAR) for frame in frames]


def pan(count=FRAMES):
    photo = cv2.cvtColor(cv2.imread(str(PHOTO)), cv2.COLOR_BGR2RGB)
    height = photo.shape[0] * 1280 // photo.shape[1]
    photo = cv2.resize(photo, (1280, height), interpolation=cv2.INTER_CUBIC)
    moves = [
        np.float32([[1, 0, -20 - STEP[0] * n], [0, 1, -20 - STEP[1] * n]]) for n in range(count)
    ]
    edge = cv2.BORDER_REFLECT
    return [cv2.warpAffine(photo, move, SIZE, None, cv2.INTER_CUBIC, edge) for move in moves]


def styled(preset, size, frames):
    spec = EngineSpec(
        width=size[0], height=size[1], steps=preset.steps, guidance_mode=preset.guidance_mode
    )
    engine = build(spec)
    try:
        params = encoded(preset.look(), engine.encode)
        return [engine.run(np.ascontiguousarray(frame), params) for frame in frames]
    finally:
        engine.close()


def shown(frames, given, pictures, level):
    """What viewers see at each tick."""
    budget = None if level is Level.HELD else Budget(level)
    finish, seen = Finish(VIEW, budget, steadiness=0.6), []
    placement = VIEW.place(SIZE, ENGINE)
    for now in range(LATE, len(frames)):
        number = (now - LATE) // EVERY * EVERY
        picture = Frame(
            pictures[number],
            number,
            number / 30,
            placement=placement,
            made_of=MadeOf(given[number], "look"),
        )
        if budget is None:
            made = finish.plain(picture)
        else:
            made = finish.current(picture, Frame(frames[now], now, now / 30))
        seen.append(seen[-1] if made is None else made.pixels.copy())
    return seen


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("presets", nargs="*", default=preset_names())
    cv2.setNumThreads(1)
    scenes = {**{name: scene(at) for name, at in SCENES.items()}, "pan": pan()}
    print("| look | scene | held | warped | guided | sharpness held | guided |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in parser.parse_args().presets:
        preset = load_preset(name)
        for title, frames in scenes.items():
            given = [cv2.resize(frame, ENGINE, interpolation=cv2.INTER_AREA) for frame in frames]
            pictures, ideal = styled(preset, ENGINE, given), styled(preset, SIZE, frames)[LATE:]
            seen = {level: shown(frames, given, pictures, level) for level in Level}
            decibels = " | ".join(f"{fidelity_db(seen[level], ideal):.1f}" for level in Level)
            sharp = [sharpness(seen[level], ideal) for level in (Level.HELD, Level.GUIDED)]
            print(
                f"| {name} | {title} | {decibels} | {sharp[0]:.2f} | {sharp[1]:.2f} |", flush=True
            )


if __name__ == "__main__":
    main()
