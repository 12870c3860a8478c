"""What viewers see, side by side: without the resolve stage, with it, and the ideal.

    python tests/benchmarks/live_clip.py OUT.mp4 [--preset anime] [--frames FOLDER]

Six scenes: the bundled clip, a fast pan, a cut, a hand before it, scrolling text, a dim room.
Timing, sizes and the ideal are those of `live_fidelity.py`. With `--frames` every fourth
picture is written as a PNG, to be looked at. Prints fidelity, scene by scene.
"""

import argparse
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from live_fidelity import ENGINE, FRAMES, LATE, SIZE, pan, scene, shown, styled

from streamcam.presets import load_preset
from streamcam.resolve import Level
from streamcam.resolve.measures import fidelity_db, sharpness

GRAIN = 8.0  # levels, of a camera in a dim room


def fast_pan():
    return pan(3 * FRAMES)[::3]


def cut():
    return scene(1.0, FRAMES // 2) + scene(6.0, FRAMES - FRAMES // 2)


def hand():
    """The clip with a hand-like shape that crosses it and goes back."""
    frames = []
    for number, frame in enumerate(scene(6.0)):
        across = int(SIZE[0] * (0.1 + 0.8 * np.sin(np.pi * number / (FRAMES - 1))))
        frame, skin = frame.copy(), (214, 160, 130)
        cv2.ellipse(frame, (across, 210), (46, 60), 0, 0, 360, skin, -1, cv2.LINE_AA)
        for finger in range(-2, 3):
            tip = (across + 24 * finger, 110 + 8 * abs(finger))
            cv2.line(frame, (across + 16 * finger, 190), tip, skin, 18, cv2.LINE_AA)
            cv2.line(frame, (across + 16 * finger, 180), tip, (188, 130, 104), 2, cv2.LINE_AA)
        frames.append(frame)
    return frames


def text():
    """A page that scrolls by six pixels a frame."""
    page, rng = np.full((900, SIZE[0], 3), 250, np.uint8), np.random.default_rng(4)
    words = ["the", "newest", "frame", "wins", "no", "queue", "grows", "every", "drop", "counted"]
    for line in range(40):
        said, top = " ".join(rng.choice(words, rng.integers(4, 11))), 22 * line
        font, ink = cv2.FONT_HERSHEY_SIMPLEX, (20, 24, 40)
        cv2.putText(page, said, (16, 26 + top), font, 0.5, ink, 1, cv2.LINE_AA)
        if rng.random() < 0.2:
            width = int(rng.integers(120, 500))
            cv2.rectangle(page, (12, 9 + top), (width, 32 + top), (30, 90, 200), 2)
    return [page[6 * number : 6 * number + SIZE[1]].copy() for number in range(FRAMES)]


def dim():
    """The clip at a quarter of its light, as a grainy sensor sees it."""
    rng = np.random.default_rng(2)
    return [
        np.clip(frame * 0.25 + 12 + rng.normal(0.0, GRAIN, frame.shape), 0, 255).astype(np.uint8)
        for frame in scene(1.0)
    ]


SCENES = {
    "clip": lambda: scene(1.0),
    "fast pan": fast_pan,
    "cut": cut,
    "hand": hand,
    "scrolling text": text,
    "dim room": dim,
}


def panels(preset, frames):
    """Without, with, and ideal."""
    given = [cv2.resize(frame, ENGINE, interpolation=cv2.INTER_AREA) for frame in frames]
    pictures, ideal = styled(preset, ENGINE, given), styled(preset, SIZE, frames)[LATE:]
    return (
        shown(frames, given, pictures, Level.HELD),
        shown(frames, given, pictures, Level.GUIDED),
        [np.asarray(picture) for picture in ideal],
    )


def labelled(sides, title):
    picture = np.hstack(sides)
    for number, name in enumerate((f"{title}: without", "with", "ideal")):
        place = (SIZE[0] * number + 10, 24)
        for colour, thickness in (((0, 0, 0), 4), ((255, 255, 255), 1)):
            font = cv2.FONT_HERSHEY_SIMPLEX
            cv2.putText(picture, name, place, font, 0.7, colour, thickness, cv2.LINE_AA)
    return picture


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--preset", default="anime")
    parser.add_argument("--frames", type=Path)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    preset = load_preset(arguments.preset)
    with av.open(str(arguments.out), "w") as file:
        stream = file.add_stream("libx264", rate=Fraction(10), options={"crf": "18"})
        stream.width, stream.height, stream.pix_fmt = 3 * SIZE[0], SIZE[1], "yuv420p"
        print("| scene | without, dB | with | sharpness: without | with |")
        print("| --- | --- | --- | --- | --- |")
        for title, frames_of in SCENES.items():
            held, guided, ideal = panels(preset, frames_of())
            decibels = " | ".join(f"{fidelity_db(side, ideal):.1f}" for side in (held, guided))
            sharp = " | ".join(f"{sharpness(side, ideal):.2f}" for side in (held, guided))
            print(f"| {title} | {decibels} | {sharp} |", flush=True)
            for number, sides in enumerate(zip(held, guided, ideal, strict=True)):
                picture = labelled(sides, title)
                for packet in stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")):
                    file.mux(packet)
                if arguments.frames and number % 4 == 3:
                    name = f"{title.replace(' ', '-')}-{number:02}.png"
                    cv2.imwrite(str(arguments.frames / name), picture[:, :, ::-1])
        for packet in stream.encode():
            file.mux(packet)


if __name__ == "__main__":
    main()
