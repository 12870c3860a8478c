"""Makes a clip of somebody who talks in front of a still room, for tests/benchmarks/patches.py.

The astronaut of scikit-image (NASA, public domain) is cut out, and moves alone: the head turns and
nods, the mouth opens, the shoulders sway; the camera stands, and its sensor is grainy. Run it from
the root; nothing is installed, and the clip is not part of the program:

    pip download --no-deps --only-binary :all: --python-version 3.11 -d WHEELS scikit-image==0.26.0
    python tests/data/make_talking_head.py WHEELS talking.mp4
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from zipfile import ZipFile

import av
import cv2
import numpy as np
from demo_motion import GRID, HEIGHT, WIDTH, Bump, Map, Plane, moved, turned, wave
from numpy.typing import NDArray

FPS, SECONDS = 30, 10
GRAIN = 2.0  # levels of 255
SIDES, ABOVE = 120, 60  # pixels of room beside and above the photograph
FACE = (224 + SIDES, 110 + ABOVE)


def person(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """1 where the astronaut is."""
    guess = np.full(photo.shape[:2], cv2.GC_PR_BGD, np.uint8)
    cv2.ellipse(guess, (224, 110), (75, 105), 0, 0, 360, cv2.GC_PR_FGD, -1)
    cv2.rectangle(guess, (60, 260), (440, 512), cv2.GC_PR_FGD, -1)
    cv2.ellipse(guess, (224, 110), (50, 70), 0, 0, 360, cv2.GC_FGD, -1)
    cv2.rectangle(guess, (130, 300), (350, 512), cv2.GC_FGD, -1)
    guess[:, 460:] = guess[:200, :120] = guess[:200, 330:] = cv2.GC_BGD
    cv2.grabCut(photo, guess, None, np.zeros((1, 65)), np.zeros((1, 65)), 6, cv2.GC_INIT_WITH_MASK)
    found = np.isin(guess, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    _, labels, areas, _ = cv2.connectedComponentsWithStats(found)
    largest = (labels == 1 + np.argmax(areas[1:, cv2.CC_STAT_AREA])).astype(np.uint8)
    return cv2.morphologyEx(largest, cv2.MORPH_CLOSE, np.ones((9, 9)))


def layers(photo: NDArray[np.uint8]) -> tuple[Plane, Plane]:
    """The room without anybody, RGB, and the person, RGBA; float32 0 … 1."""
    mask = person(photo)
    alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.2)
    empty = cv2.inpaint(photo, cv2.dilate(mask, np.ones((9, 9))), 5, cv2.INPAINT_TELEA)
    around = (ABOVE, 0, SIDES, SIDES)
    room = cv2.copyMakeBorder(empty, *around, cv2.BORDER_REFLECT_101)
    cut = np.dstack([photo.astype(np.float32) / 255, alpha])
    return room.astype(np.float32) / 255, cv2.copyMakeBorder(cut, *around, cv2.BORDER_CONSTANT)


def talking(at: Map, t: float) -> Map:
    """Where each pixel of the person comes from."""
    x, y = FACE
    at = turned(at, Bump(x, y, 75, 90), (x, y + 130), 5 * wave(t, 3.7, 2.3))
    at = moved(at, Bump(x, y, 75, 90), 6 * wave(t, 4.1, 2.6), 3 * wave(t, 3.1))
    speech = (0.5 + 0.5 * np.sin(2 * np.pi * 3.3 * t)) * max(0.0, np.sin(2 * np.pi * 0.35 * t))
    at = moved(at, Bump(x + 2, y + 55, 30, 16), 0.0, -5 * speech)
    return moved(at, Bump(x, y + 220, 190, 160), 2.5 * wave(t, 5.3, 3.9), 1.5 * wave(t, 4.3))


def frame(room: Plane, cut: Plane, t: float, random: np.random.Generator) -> NDArray[np.uint8]:
    """The frame at `t` seconds, RGB."""
    at = (
        (FACE[0] + WIDTH * GRID[0]).astype(np.float32),
        (FACE[1] + 50 + WIDTH * GRID[1]).astype(np.float32),
    )
    behind = cv2.remap(room, *at, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    x, y = (np.asarray(plane, np.float32) for plane in talking(at, t))
    before = cv2.remap(cut, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    alpha = np.clip(before[..., 3:], 0, 1)
    picture = behind * (1 - alpha) + before[..., :3] * alpha
    picture = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) * 255
    grain = random.normal(0, GRAIN, picture.shape)
    return np.asarray(np.clip(picture + grain + 0.5, 0, 255), np.uint8)


def main() -> None:
    """Write the clip."""
    wheels, target = Path(sys.argv[1]), sys.argv[2]
    with ZipFile(next(wheels.glob("scikit_image-*.whl"))) as wheel:
        stored = np.frombuffer(wheel.read("skimage/data/astronaut.png"), np.uint8)
    photo = cv2.cvtColor(cv2.imdecode(stored, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    room, cut = layers(photo)
    random = np.random.default_rng(0)
    with av.open(target, "w") as container:
        stream = container.add_stream("libx264", FPS, options={"crf": "16"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = Fraction(1, FPS)
        for number in range(FPS * SECONDS):
            pixels = frame(room, cut, number / FPS, random)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode())


if __name__ == "__main__":
    main()
