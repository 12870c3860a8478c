"""How good a nano model is, in numbers and in pictures, on what it never saw in training.

    python tests/benchmarks/model_quality.py out/                 the embedded model
    python tests/benchmarks/model_quality.py out/ --model FOLDER  another one
    python tests/benchmarks/model_quality.py out/ --clip me.mp4   steadiness on your own clip

Writes `quality.md` (the tables) and `looks.png`, `steps.png`, `strength.png`. Held out are the
bundled clip and tests/data/photo.jpg; a clip of a moving camera is made of them. Needs the `test`
extra.

PSNR, SSIM  against the teacher's drawing of the same picture (training's looks/styles.py)
named       share of pictures whose nearest teacher, by mean difference in Lab, is the look's own
structure   correlation of edges with the teacher's
flicker     change from frame to frame that motion does not explain, output over input
"""

import argparse
import itertools
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import av
import cv2
import numpy as np
import torch
from look_sheet import CLIP_SECONDS, FONT, INK, PHOTO, clip_frame, fitted, read_picture

from engines.api import Engine, EngineSpec, Params
from engines.build import build
from engines.families import family, open_model
from engines.nano.training.looks.filters import Picture
from engines.nano.training.looks.styles import STYLES, drawn
from engines.nano.training.looks.words import LOOKS

SIZE = (448, 256)
STEPS = (1, 2, 4)
STRENGTHS = (0.1, 0.25, 0.5, 0.75, 1.0)
FLICKER_FRAMES, GRAIN, RUNS = 24, 3.0, 30


@dataclass
class Engines:
    """One engine for every number of steps, with no guidance: the model as it is."""

    model: str
    made: dict[int, Engine]

    def show(self, frame, look: str, *, steps: int = 1, strength: float = 1.0):
        if steps not in self.made:
            spec = EngineSpec(
                model=self.model,
                width=SIZE[0],
                height=SIZE[1],
                steps=steps,
                guidance_mode="none",
                batching="sequential",
            )
            self.made[steps] = build(spec)
        engine = self.made[steps]
        prompt, nothing = engine.encode(LOOKS[look][0]), engine.encode("")
        params = Params(prompt=prompt, negative=nothing, strength=strength, guidance_scale=1.0)
        return engine.run(frame, params)


def as_float(frame) -> Picture:
    return frame.astype(np.float32) / 255


def lab(picture: Picture) -> Picture:
    return cv2.cvtColor(np.clip(picture, 0, 1), cv2.COLOR_RGB2LAB)


def psnr(one: Picture, other: Picture) -> float:
    return float(-10 * np.log10(np.square(one - other).mean() + 1e-10))


def ssim(one: Picture, other: Picture) -> float:
    """Wang et al. 2004, on lightness, with a Gaussian window of σ = 1.5."""
    x, y = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY).astype(np.float64) for p in (one, other))

    def mean(a):
        return cv2.GaussianBlur(a, (0, 0), 1.5)

    mx, my = mean(x), mean(y)
    vx, vy, vxy = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    found = (2 * mx * my + c1) * (2 * vxy + c2)
    return float((found / ((mx * mx + my * my + c1) * (vx + vy + c2))).mean())


def structure(one: Picture, other: Picture) -> float:
    def edges(picture):
        light = lab(picture)[..., 0]
        across, down = (cv2.Sobel(light, cv2.CV_32F, *way) for way in ((1, 0), (0, 1)))
        return cv2.GaussianBlur(cv2.magnitude(across, down), (0, 0), 1.5).ravel()

    return float(np.corrcoef(edges(one), edges(other))[0, 1])


def dim(frame):
    """The picture in a dark room."""
    return (frame * 0.35).astype(np.uint8)


def grainy(frame, generator):
    """With a cheap sensor's noise."""
    noisy = frame + generator.normal(0, GRAIN, frame.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def held_out() -> dict[str, np.ndarray]:
    frames = {name: fitted(clip_frame(at), SIZE) for name, at in CLIP_SECONDS.items()}
    frames["photo"] = fitted(read_picture(PHOTO), SIZE)
    return frames


def looks_table(engines: Engines, frames: dict, clean: dict) -> list[str]:
    """`frames` as the camera gives them, against drawings of the same without its noise."""
    teachers = {
        name: {style: drawn(style, as_float(frame)) for style in STYLES}
        for name, frame in clean.items()
    }
    rows = ["| look | S | PSNR | SSIM | structure | named |", "|---|---|---|---|---|---|"]
    for look in STYLES:
        for steps in STEPS:
            scores = []
            for name, frame in frames.items():
                shown = as_float(engines.show(frame, look, steps=steps))
                teacher = teachers[name][look]
                apart = {
                    style: np.abs(lab(shown) - lab(other)).mean()
                    for style, other in teachers[name].items()
                }
                named = min(apart, key=apart.__getitem__) == look
                scores.append(
                    (psnr(shown, teacher), ssim(shown, teacher), structure(shown, teacher), named)
                )
            means = np.mean(scores, 0)
            rows.append(
                "| {} | {} | {:.1f} | {:.3f} | {:.3f} | {:.2f} |".format(look, steps, *means)
            )
    return rows


@torch.inference_mode()
def autoencoder_table(model: str, frames: dict[str, np.ndarray]) -> list[str]:
    opened = open_model(EngineSpec(model=model))
    network, _ = family(opened.family).load(opened)
    rows = ["| picture | PSNR | SSIM |", "|---|---|---|"]
    for name, frame in frames.items():
        image = torch.from_numpy(as_float(frame)).permute(2, 0, 1)[None] * 2 - 1
        again = network.decode(*network.encode(image))[0].permute(1, 2, 0).numpy() / 2 + 0.5
        again = np.clip(again, 0, 1)
        rows.append(
            f"| {name} | {psnr(again, as_float(frame)):.1f} | {ssim(again, as_float(frame)):.3f} |"
        )
    return rows


def swaying(frame) -> list[np.ndarray]:
    """A camera in a hand: the picture drifts and turns a little, each frame with new grain."""
    random = np.random.default_rng(2)
    found = []
    for number in range(FLICKER_FRAMES):
        phase = 2 * np.pi * number / FLICKER_FRAMES
        matrix = cv2.getRotationMatrix2D((SIZE[0] / 2, SIZE[1] / 2), 1.5 * np.sin(phase), 1.06)
        matrix[:, 2] += 5 * np.sin(phase), 3 * np.sin(2 * phase)
        moved = cv2.warpAffine(frame, matrix, SIZE, flags=cv2.INTER_CUBIC)
        found.append(grainy(moved, random))
    return found


def clip_frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as clip:
        frames = itertools.islice(clip.decode(video=0), 4 * FLICKER_FRAMES)
        return [fitted(frame.to_ndarray(format="rgb24"), SIZE) for frame in frames]


def unexplained(frames: list[np.ndarray], flows: list[np.ndarray]) -> float:
    """Mean change between neighbours after the first is moved onto the second, in levels."""
    grid = np.stack(np.meshgrid(*(np.arange(n, dtype=np.float32) for n in SIZE)), -1)
    found = []
    for before, after, flow in zip(frames, frames[1:], flows, strict=False):
        moved = cv2.remap(
            before, grid + flow, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        inner = (slice(16, -16), slice(16, -16))
        found.append(np.abs(after[inner].astype(np.float32) - moved[inner]).mean())
    return float(np.mean(found))


def flicker_table(engines: Engines, frames: list[np.ndarray]) -> list[str]:
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey = [cv2.GaussianBlur(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), (0, 0), 1) for f in frames]
    flows = [flow.calc(after, before, None) for before, after in itertools.pairwise(grey)]
    given = unexplained(frames, flows)
    rows = ["| look | input | output | ratio |", "|---|---|---|---|"]
    for look in STYLES:
        shown = unexplained([engines.show(frame, look).copy() for frame in frames], flows)
        rows.append(f"| {look} | {given:.2f} | {shown:.2f} | {shown / given:.2f} |")
    return rows


def time_table(engines: Engines, frame) -> list[str]:
    rows = ["| S | ms a frame, median |", "|---|---|"]
    for steps in STEPS:
        times = []
        for _ in range(RUNS):
            start = perf_counter()
            engines.show(frame, "anime", steps=steps)
            times.append(1000 * (perf_counter() - start))
        rows.append(f"| {steps} | {np.median(times):.1f} |")
    return rows


def sheet(rows: list[list[tuple[str, np.ndarray]]]) -> np.ndarray:
    def cell(text, picture):
        small = cv2.resize(picture, (320, 183), interpolation=cv2.INTER_AREA)
        cv2.rectangle(small, (0, 0), (8 * len(text) + 8, 18), INK, -1)
        cv2.putText(small, text, (4, 13), FONT, 0.42, (255, 255, 255), 1, cv2.LINE_AA)
        return small

    return np.vstack([np.hstack([cell(*one) for one in row]) for row in rows])


def save(path: Path, picture) -> None:
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    print(path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path, help="folder")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--clip", type=Path, help="for steadiness, instead of a moved photo")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    engines, frames = Engines(arguments.model, {}), held_out()
    cat = frames["cat"]
    dark = {name: dim(frame) for name, frame in frames.items()}
    filmed = {name: grainy(frame, np.random.default_rng(1)) for name, frame in dark.items()}
    shown = [
        [("camera", frame), *((look, engines.show(frame, look).copy()) for look in STYLES)]
        for frame in (*frames.values(), filmed["raccoon"])
    ]
    save(arguments.output / "looks.png", sheet(shown))
    for name, values in (("strength", STRENGTHS), ("steps", STEPS)):
        rows = [
            [
                (f"{look} {value}", engines.show(cat, look, **{name: value}).copy())
                for value in values
            ]
            for look in ("anime", "sketch", "oil", "neon", "engraving")
        ]
        save(arguments.output / f"{name}.png", sheet(rows))
    moving = clip_frames(arguments.clip) if arguments.clip else swaying(cat)
    tables = {
        "Autoencoder": autoencoder_table(arguments.model, frames),
        "Looks": looks_table(engines, frames, frames),
        "Looks in a dim room": looks_table(engines, filmed, dark),
        "Flicker": flicker_table(engines, moving),
        "Time": time_table(engines, cat),
    }
    text = "\n\n".join("\n".join([f"## {name}", "", *rows]) for name, rows in tables.items())
    (arguments.output / "quality.md").write_text(text + "\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main()
