"""The same frames on several backends, by turns in one run: times, ratios, and how alike the
pictures are.

    python -m tests.benchmarks.backends --backends tensorrt torch --model sd-turbo-random

The first backend is the one that the others are compared with. Rounds take turns, and the ratio is
that of the medians, in brackets by round.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from statistics import median
from time import perf_counter

import numpy as np

from engines.api import GUIDANCE_MODES, Engine, EngineSpec, Params
from engines.artifacts import cache_folder
from engines.bench.random_model import SD_TURBO, random_model
from engines.build import build
from tests.engines.pictures import moving_picture

_ROUNDS, _WARM_UP = 5, 5


def time_frames(engine: Engine, frames: list, params: Params) -> tuple[list[float], list]:
    """Milliseconds of each frame, from uint8 to uint8 on the host, and the pictures."""
    times, pictures = [], []
    for frame in frames:
        began = perf_counter()
        pictures.append(engine.run(frame, params))
        times.append((perf_counter() - began) * 1e3)
    return times, pictures


def psnr(ours: list, theirs: list) -> float:
    """Of all pictures together, dB."""
    error = np.mean((np.array(ours, float) - np.array(theirs, float)) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--backends", nargs="+", default=["tensorrt", "torch"])
    parser.add_argument("--model", default="nano")
    parser.add_argument("--size", default="512x512")
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--guidance-mode", choices=GUIDANCE_MODES, default="none")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--frames", type=int, default=50, help="of each backend in each round")
    return parser.parse_args()


def main() -> None:
    wanted = parse()
    width, height = (int(side) for side in wanted.size.split("x"))
    model = wanted.model
    if model == "sd-turbo-random":
        model = str(random_model(model, SD_TURBO, cache_folder("models"), print))
    spec = EngineSpec(
        model=model,
        width=width,
        height=height,
        steps=wanted.steps,
        guidance_mode=wanted.guidance_mode,
        precision=wanted.precision,
    )
    engines = {name: build(replace(spec, backend=name)) for name in wanted.backends}
    frames = [
        one for _, one in zip(range(wanted.frames), moving_picture(width, height), strict=False)
    ]
    params, rounds = {}, {name: [] for name in engines}
    for name, engine in engines.items():
        params[name] = Params(prompt=engine.encode("anime"), negative=engine.encode(""))
        time_frames(engine, frames[:_WARM_UP], params[name])
    shown = {}
    for _ in range(_ROUNDS):
        for name, engine in engines.items():
            engine.restart()
            times, shown[name] = time_frames(engine, frames, params[name])
            rounds[name].append(times)
    first = wanted.backends[0]
    for name, engine in engines.items():
        every = sorted(time for times in rounds[name] for time in times)
        by_round = [
            median(theirs) / median(ours)
            for theirs, ours in zip(rounds[name], rounds[first], strict=True)
        ]
        ratio = median(every) / median(time for times in rounds[first] for time in times)
        print(
            f"{engine.label}, {engine.spec.execution}: {median(every):.2f} ms "
            f"(95 %: {every[int(len(every) * 0.95)]:.2f}), ratio {ratio:.2f} "
            f"({min(by_round):.2f} to {max(by_round):.2f}), "
            f"PSNR to {first} {psnr(shown[name], shown[first]):.1f} dB, stages "
            f"{ {stage: round(took, 2) for stage, took in engine.stage_ms().items()} }"
        )
        engine.close()


if __name__ == "__main__":
    main()
