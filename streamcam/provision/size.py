"""The engine's frame size, chosen by a quick measurement so that the wanted rate is held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import sqrt
from time import perf_counter

import numpy as np

from engines.api import Engine
from engines.errors import EngineError
from engines.ranges import nearest_side
from engines.recipe import Recipe
from streamcam.looks.aim import encoded
from streamcam.looks.look import Look

# Widths of the 16:9 sizes on offer; other shapes get sizes of the same areas.
_WIDTHS = (256, 320, 384, 448, 512, 576, 640, 768)
_DEFAULT_WIDTH = 448
_WIDEST_ON_CPU = 512
_WIDEST_ELSEWHERE = 768
_MARGIN = 1.15  # engine time that must remain for the rest of the program and for a busy moment
_RELIEF = 0.9  # of a size's work is what the one below may have at most, or it is no relief
_MEASURE_SECONDS = 0.15
_MEASURE_RUNS = (4, 12)


@dataclass(frozen=True, slots=True)
class SizeChoice:
    """A size and, for people, why: '448x256: engine 21 ms, 47 fps, enough for 30'."""

    width: int
    height: int
    reason: str


def candidates(aspect: float = 16 / 9) -> list[tuple[int, int]]:
    """The sizes on offer for a shape, small ones first: multiples of 16, 128 to 1280."""
    sizes: list[tuple[int, int]] = []
    for nominal in _WIDTHS:
        area = nominal * nearest_side(nominal * 9 / 16)
        width = nearest_side(sqrt(area * aspect))
        size = (width, nearest_side(width / aspect))
        if size not in sizes:
            sizes.append(size)
    return sizes


def smaller_size(width: int, height: int) -> tuple[int, int] | None:
    """The size on offer below, for the same shape; None if there is none."""
    enough = _RELIEF * width * height
    smaller = [size for size in candidates(width / height) if _area(size) <= enough]
    return smaller[-1] if smaller else None


def default_size(aspect: float = 16 / 9) -> tuple[int, int]:
    """The size that is tried first: 448x256, or one of that area."""
    return _of_width(_DEFAULT_WIDTH, candidates(aspect))


def size_of_shape(area: int, aspect: float) -> tuple[int, int]:
    """The size on offer for another shape whose work is nearest to that of so many pixels."""
    return min(candidates(aspect), key=lambda size: abs(_area(size) - area))


def choose_size(
    measure: Callable[[int, int], float],
    wanted_fps: float,
    aspect: float = 16 / 9,
    widest: int = _WIDEST_ON_CPU,
) -> SizeChoice:
    """The largest size that holds `wanted_fps` with a margin of 15 %, or the smallest there is.

    measure  seconds of one frame at (width, height); called for the default size and at most
             one more, since the time grows with the area. One more that raises `EngineError`, as
             two engines may not fit a card beside each other, is not taken
    widest   width of the largest 16:9 size that may be chosen
    """
    start = default_size(aspect)
    seconds = measure(*start)
    sizes = _up_to(widest, aspect)
    guess = _affordable(seconds, start, sizes, wanted_fps) or sizes[0]
    if guess == start:
        return _choice(start, seconds, wanted_fps)
    try:
        guess_seconds = measure(*guess)
    except EngineError as error:
        kept = _choice(start, seconds, wanted_fps)
        tried = f"{guess[0]}x{guess[1]} cannot be had: {error}"
        return replace(kept, reason=f"{kept.reason}; {tried}")
    if _area(guess) > _area(start) and not holds(guess_seconds, wanted_fps):
        return _choice(start, seconds, wanted_fps)
    return _choice(guess, guess_seconds, wanted_fps)


def larger_size(
    engine: Engine, seconds: float, wanted_fps: float, aspect: float
) -> tuple[int, int] | None:
    """The largest size on offer that holds the rate on an engine whose frame takes `seconds`; None
    if it has that already. On a processor there is none."""
    own = (engine.spec.width, engine.spec.height)
    if engine.spec.device.lower() == "cpu":
        return None
    size = _affordable(seconds, own, _up_to(_WIDEST_ELSEWHERE, aspect), wanted_fps)
    return size if size is not None and _area(size) > _area(own) else None


def smaller_that_holds(
    own: tuple[int, int], aspect: float, seconds: float, wanted_fps: float
) -> tuple[int, int] | None:
    """The largest size below `own`, for a shape, that holds the rate without a margin where
    a frame of `own` takes `seconds`, or the smallest there is; None if there is none below."""
    smaller = [size for size in candidates(aspect) if _area(size) <= _RELIEF * _area(own)]
    holding = [size for size in smaller if seconds * _area(size) * wanted_fps <= _area(own)]
    best = holding or smaller[:1]
    return best[-1] if best else None


def next_larger(
    own: tuple[int, int], aspect: float, seconds: float, wanted_fps: float, device: str
) -> tuple[int, int] | None:
    """The next size above `own`, for a shape, if it holds the rate without a margin where a
    frame of `own` takes `seconds`; None if not, or if the device has its largest already."""
    sizes = _up_to(widest_on(device), aspect)
    larger = next((size for size in sizes if _area(own) <= _RELIEF * _area(size)), None)
    if larger is None or seconds * _area(larger) * wanted_fps > _area(own):
        return None
    return larger


def widest_on(device: str) -> int:
    """Width of the largest 16:9 size that the program chooses on a device."""
    return _WIDEST_ON_CPU if device.lower() == "cpu" else _WIDEST_ELSEWHERE


def _affordable(
    seconds: float, at: tuple[int, int], sizes: list[tuple[int, int]], wanted_fps: float
) -> tuple[int, int] | None:
    """The largest of `sizes` that holds the rate where a frame takes `seconds` at another one."""
    affordable = [size for size in sizes if holds(seconds * _area(size) / _area(at), wanted_fps)]
    return affordable[-1] if affordable else None


def build_fitting(
    build: Callable[[Recipe], Engine], recipe: Recipe, wanted_fps: float, aspect: float
) -> tuple[Engine, SizeChoice]:
    """The engine of the size that `choose_size` takes; the other one is closed again.

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
) -> tuple[Engine, SizeChoice] | None:
    """The engine of the largest of `sizes`, if it holds the rate; else None, and it is closed.

    sizes  those that are there already, so that nothing is measured or built in vain
    """
    if not sizes:
        return None
    size = max(sizes, key=_area)
    engine = build(recipe.at(*size))
    kept = False
    try:
        seconds = frame_seconds(engine)
        kept = holds(seconds, fps)
        return (engine, _choice(size, seconds, fps)) if kept else None
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


def _choice(size: tuple[int, int], seconds: float, wanted_fps: float) -> SizeChoice:
    fps = 1.0 / max(seconds, 1e-6)
    speed = f"engine {seconds * 1e3:.0f} ms, {fps:.0f} fps"
    verdict = "enough" if holds(seconds, wanted_fps) else "too slow"
    return SizeChoice(*size, f"{size[0]}x{size[1]}: {speed}, {verdict} for {wanted_fps:g}")


def holds(seconds: float, wanted_fps: float) -> bool:
    """Whether an engine of this frame time keeps the rate, with a margin of 15 %."""
    return seconds * _MARGIN * wanted_fps <= 1.0


def _of_width(nominal: int, sizes: list[tuple[int, int]]) -> tuple[int, int]:
    """The size whose area is nearest to that of the 16:9 size of a width."""
    area = nominal * nearest_side(nominal * 9 / 16)
    return min(sizes, key=lambda size: abs(_area(size) - area))


def _up_to(nominal: int, aspect: float) -> list[tuple[int, int]]:
    """The sizes on offer for a shape up to that of a width, small ones first."""
    sizes = candidates(aspect)
    return sizes[: sizes.index(_of_width(nominal, sizes)) + 1]


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]
