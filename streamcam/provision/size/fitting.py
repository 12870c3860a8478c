"""Fitting: the engine of a size that holds the rate, built and measured."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import numpy as np

from engines.api import Engine
from engines.recipe import Recipe
from streamcam.looks.aim import encoded
from streamcam.looks.look import Look
from streamcam.provision.size import (
    SizeChoice,
    area_of,
    choice_of,
    choose_size,
    default_size,
    holds,
    taken_from,
    widest_on,
)

_MEASURE_SECONDS = 0.15
_MEASURE_RUNS = (4, 12)


def build_fitting(
    build: Callable[[Recipe], Engine],
    recipe: Recipe,
    wanted_fps: float,
    aspect: float,
    beside: float = 0.0,
) -> tuple[Engine, SizeChoice]:
    """The engine of the size that `choose_size` takes; the other one is closed again. `beside`
    counts on a processor alone.

    Raises what `build` raises for the default size, with everything closed.
    """
    built: dict[tuple[int, int], Engine] = {}

    def built_at(size: tuple[int, int]) -> Engine:
        if size not in built:
            built[size] = build(recipe.at(*size))
        return built[size]

    chosen: tuple[int, int] | None = None
    try:
        device = built_at(default_size(aspect)).spec.device
        choice = choose_size(
            lambda width, height: frame_seconds(built_at((width, height))),
            wanted_fps,
            aspect,
            widest_on(device),
            taken_from(device, beside),
        )
        chosen = (choice.width, choice.height)
        return built[chosen], choice
    finally:
        for size, engine in built.items():
            if size != chosen:
                engine.close()


def build_ready(
    build: Callable[[Recipe], Engine],
    recipe: Recipe,
    sizes: list[tuple[int, int]],
    fps: float,
    beside: float = 0.0,
) -> tuple[Engine, SizeChoice] | None:
    """The engine of the largest of `sizes`, if it holds the rate; else None, and it is closed.

    sizes  those that are there already, so that nothing is measured or built in vain
    """
    if not sizes:
        return None
    size = max(sizes, key=area_of)
    engine = build(recipe.at(*size))
    kept = False
    try:
        seconds, taken = frame_seconds(engine), taken_from(engine.spec.device, beside)
        kept = holds(seconds, fps, taken)
        return (engine, choice_of(size, seconds, fps, taken)) if kept else None
    finally:
        if not kept:
            engine.close()


def frame_seconds(engine: Engine) -> float:
    """Time of one `Engine.run`: the lower quartile of a few, which is least disturbed by the
    program's own start. Takes a sixth of a second or four runs. Restarts the engine."""
    shape = (engine.spec.height, engine.spec.width, 3)
    frame = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    picture = np.empty(shape, np.uint8)
    params = encoded(Look("measurement", ""), engine.encode)
    engine.run(frame, params, picture)
    fewest, most = _MEASURE_RUNS
    runs: list[float] = []
    while len(runs) < fewest or (sum(runs) < _MEASURE_SECONDS and len(runs) < most):
        began = perf_counter()
        engine.run(frame, params, picture)
        runs.append(perf_counter() - began)
    engine.restart()
    return sorted(runs)[len(runs) // 4]
