"""Makes streamcam/capture/demo.mp4, the bundled clip, and tests/data/photo.jpg.

Three photographs that are free to ship become a 2.5-D film: each has a depth map of a few soft
bumps, so a moving camera gives parallax, and warps that follow the subject: heads turn, eyes
blink and look aside, leaves sway, coffee steams, light wanders. Run it from the root:

    pip download --no-deps --only-binary :all: --python-version 3.11 -d WHEELS \
        scikit-image==0.26.0 scipy==1.9.3
    python tests/data/make_demo.py WHEELS

Nothing is installed; the photographs are read out of the two wheels.
"""

from __future__ import annotations

import bz2
import sys
from fractions import Fraction
from pathlib import Path
from zipfile import ZipFile

import av
import cv2
import numpy as np
from demo_motion import (
    HEIGHT,
    WIDTH,
    Bump,
    Eye,
    Map,
    Plane,
    Scene,
    View,
    looking,
    moved,
    pulse,
    render,
    smooth,
    smooth_plane,
    turned,
    wave,
)
from numpy.typing import NDArray

FPS, SECONDS = 30, 15
DISSOLVE = 0.7  # seconds
ROOT = Path(__file__).resolve().parents[2]


def cat(at: Map, t: float) -> Map:
    """Turns its head, blinks twice, looks aside, twitches an ear."""
    head = Bump(215, 150, 200, 190)
    closed = max(pulse(t, 1.5, 0.4), pulse(t, 3.9, 0.3), pulse(t, 4.25, 0.3))
    aside = 7 * (smooth((t - 2.2) / 0.15) - smooth((t - 3.3) / 0.15))
    at = turned(at, head, (190, 340), 3.2 * wave(t, 4.6, 2.7))
    at = moved(at, Bump(250, 190, 120, 120), 5 * wave(t, 3.9), 3 * wave(t, 2.9))
    at = turned(at, Bump(370, 10, 45, 60), (345, 80), 14 * pulse(t, 2.75, 0.22))
    at = looking(at, Eye(169, 117, 37, 32, 14), aside, closed)
    return looking(at, Eye(317, 137, 25, 28, -12), aside * 0.7, closed)


def raccoon(at: Map, t: float) -> Map:
    """Looks around, sniffs, blinks; the leaves about it sway."""
    leaves = Bump(90, 640, 330, 260), Bump(950, 420, 170, 330), Bump(800, 700, 300, 130)
    for index, region in enumerate(leaves):
        wind = wave(t + index, 2.3, 1.4)
        ripple = 7 * np.sin(at[1] / 70 + 2.6 * t + index).astype(np.float32)
        weight = region.weight(at)
        at = at[0] - weight * (9 * wind + ripple), at[1] - weight * 5 * wave(t + index, 1.9)
    sniff = 4 * np.sin(2 * np.pi * 2.7 * t) * (pulse(t, 1.5, 1.6) + pulse(t, 4.6, 1.2))
    closed = max(pulse(t, 0.9, 0.3), pulse(t, 3.3, 0.35), pulse(t, 5.2, 0.3))
    at = turned(at, Bump(690, 270, 290, 260), (450, 330), 3.5 * wave(t, 4.1, 2.9))
    at = moved(at, Bump(640, 330, 170, 190), 9 * wave(t, 3.3), 6 * wave(t, 2.6))
    at = moved(at, Bump(618, 450, 55, 45), 0.0, sniff)
    at = turned(at, Bump(490, 90, 60, 70), (520, 170), 12 * pulse(t, 2.4, 0.25))
    at = turned(at, Bump(905, 130, 70, 70), (850, 210), -12 * pulse(t, 4.1, 0.25))
    at = looking(at, Eye(579, 305, 25, 22, 8), 4 * wave(t, 2.0), closed)
    return looking(at, Eye(721, 330, 23, 20, -8), 4 * wave(t, 2.0), closed)


def coffee(at: Map, t: float) -> Map:
    """The crema turns slowly in the cup."""
    x, y = (at[0] - 287) / 75, (at[1] - 150) / 42
    inside = np.clip(1 - x * x - y * y, 0, 1) ** 0.5
    angle = inside * (0.9 * t - 2)
    cos, sin = np.cos(angle), np.sin(angle)
    within = inside > 0
    mx = np.where(within, 287 + 75 * (cos * x + sin * y), at[0])
    my = np.where(within, 150 + 42 * (cos * y - sin * x), at[1])
    return mx.astype(np.float32), my.astype(np.float32)


def steam(picture: Plane, at: Map, t: float) -> Plane:
    """Steam over the cup: two layers of soft noise that rise and drift."""
    noise = np.random.default_rng(3).random((32, 32), np.float32)
    clouds = np.zeros_like(at[0])
    for scale, rise in ((90, 45), (42, 70)):
        bend = 12 * np.sin(at[1] / 40 - 1.4 * t)
        mx, my = (at[0] + bend) / scale, (at[1] + rise * t) / (1.6 * scale)
        clouds += cv2.remap(noise, mx % 31, my % 31, cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP)
    height = np.clip((175 - at[1]) / 175, 0, 1)  # 0 on the coffee, 1 at the top of the photograph
    spread = 55 + 70 * height
    column = np.exp(-(((at[0] - 285 - 30 * height * wave(t, 3.0)) / spread) ** 2))
    density = (
        np.clip(1.6 * clouds - 1.2, 0, 1) * column * smooth_plane(4 * height) * (1 - 0.6 * height)
    )
    return picture + (1 - picture) * (0.9 * density)[..., None]


def photographs(wheels: Path) -> dict[str, NDArray[np.uint8]]:
    """The photographs in the two wheels, RGB uint8."""
    with ZipFile(next(wheels.glob("scikit_image-*.whl"))) as wheel:
        found = {
            name: cv2.cvtColor(
                cv2.imdecode(np.frombuffer(wheel.read(f"skimage/data/{name}.png"), np.uint8), 1),
                cv2.COLOR_BGR2RGB,
            )
            for name in ("chelsea", "coffee")
        }
    with ZipFile(next(wheels.glob("scipy-*.whl"))) as wheel:
        raw = bz2.decompress(wheel.read("scipy/misc/face.dat"))
    found["raccoon"] = np.frombuffer(raw, np.uint8).reshape(768, 1024, 3)
    return found


def crisp(photo: NDArray[np.uint8], amount: float, contrast: float = 1.0) -> Plane:
    """Sharpened and as float32, 0 … 1."""
    picture = photo.astype(np.float32) / 255
    blurred = cv2.GaussianBlur(picture, (0, 0), 1.2)
    picture = picture + amount * (picture - blurred)
    return np.clip((picture - 0.5) * contrast + 0.5, 0, 1)


def scenes(photos: dict[str, NDArray[np.uint8]]) -> list[Scene]:
    """The film, in order. The first scene comes again at its end."""
    return [
        Scene(
            crisp(photos["chelsea"], 0.6, 1.18), 0.0, 5.2,
            (View(225, 148, 428), View(238, 158, 352)),
            (Bump(215, 150, 170, 170, 0.6), Bump(262, 235, 90, 80, 0.6)), 9.0, cat,
        ),
        Scene(
            crisp(photos["coffee"], 0.5), 5.2, 9.4,
            (View(300, 190, 575), View(292, 158, 450)),
            (Bump(285, 115, 140, 120, 0.9), Bump(280, 240, 260, 180, 0.4)), 16.0, coffee, steam,
        ),
        Scene(
            crisp(photos["raccoon"], 0.1, 1.05), 9.4, 15.0,
            (View(560, 400, 960), View(640, 300, 640)),
            (Bump(690, 270, 260, 220, 0.6), Bump(620, 430, 110, 100, 0.5),
             Bump(120, 640, 260, 200, 0.9)), 24.0, raccoon,
        ),
    ]  # fmt: skip


def film(parts: list[Scene], time: float) -> NDArray[np.uint8]:
    """The frame at `time` seconds, RGB. Periodic: the end dissolves into the beginning."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for part in parts:
        for lap in (0.0, float(SECONDS)):
            local = time - lap - part.start
            shown = smooth((local + DISSOLVE) / DISSOLVE)
            shown -= smooth((time - lap - part.end + DISSOLVE) / DISSOLVE)
            if shown > 0:
                picture += shown * render(part, local)
    return np.asarray(np.clip(picture * 255 + 0.5, 0, 255), np.uint8)


def write(path: Path, parts: list[Scene]) -> None:
    """Encode the whole film as H.264."""
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        options = {"crf": "21", "preset": "veryslow", "tune": "film", "g": "150"}
        stream = container.add_stream("libx264", FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = Fraction(1, FPS)
        for number in range(FPS * SECONDS):
            frame = av.VideoFrame.from_ndarray(film(parts, number / FPS), "rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def main() -> None:
    """Write both files."""
    photos = photographs(Path(sys.argv[1]))
    cat_view = photos["chelsea"][23:277]
    photo = cv2.resize(crisp(cat_view, 0.5), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    photo = cv2.cvtColor(np.clip(photo * 255, 0, 255).astype(np.uint8), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(ROOT / "tests/data/photo.jpg"), photo, [cv2.IMWRITE_JPEG_QUALITY, 92])
    write(ROOT / "streamcam/capture/demo.mp4", scenes(photos))


if __name__ == "__main__":
    main()
