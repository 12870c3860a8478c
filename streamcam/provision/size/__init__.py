"""The engine's frame size, chosen by a quick measurement so that the wanted rate is held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import sqrt

from engines.api import Engine
from engines.errors import EngineError
from engines.ranges import nearest_side

# Widths of the 16:9 sizes on offer; other shapes get sizes of the same areas.
_WIDTHS = (256, 320, 384, 448, 512, 576, 640, 768)
_DEFAULT_WIDTH = 448
_WIDEST_ON_CPU = 512
_WIDEST_ELSEWHERE = 768
_MARGIN = 1.15  # engine time that must remain for the rest of the program and for a busy moment
_RELIEF = 0.9  # of a size's work is what the one below may have at most, or it is no relief


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
    smaller = [size for size in candidates(width / height) if area_of(size) <= enough]
    return smaller[-1] if smaller else None


def default_size(aspect: float = 16 / 9) -> tuple[int, int]:
    """The size that is tried first: 448x256, or one of that area."""
    return _of_width(_DEFAULT_WIDTH, candidates(aspect))


def size_of_shape(area: int, aspect: float) -> tuple[int, int]:
    """The size on offer for another shape whose work is nearest to that of so many pixels."""
    return min(candidates(aspect), key=lambda size: abs(area_of(size) - area))


def choose_size(
    measure: Callable[[int, int], float],
    wanted_fps: float,
    aspect: float = 16 / 9,
    widest: int = _WIDEST_ON_CPU,
    beside: float = 0.0,
) -> SizeChoice:
    """The largest size that holds `wanted_fps` with a margin of 15 %, or the smallest there is.

    measure  seconds of one frame at (width, height); called for the default size and at most
             one more, since the time grows with the area. One more that raises `EngineError`, as
             two engines may not fit a card beside each other, is not taken
    widest   width of the largest 16:9 size that may be chosen
    beside   seconds of a tick that the engine will not have; see `beside_seconds`
    """
    start = default_size(aspect)
    seconds = measure(*start)
    sizes = _up_to(widest, aspect)
    guess = _affordable(seconds, start, sizes, wanted_fps, beside) or sizes[0]
    if guess == start:
        return choice_of(start, seconds, wanted_fps, beside)
    try:
        guess_seconds = measure(*guess)
    except EngineError as error:
        kept = choice_of(start, seconds, wanted_fps, beside)
        tried = f"{guess[0]}x{guess[1]} cannot be had: {error}"
        return replace(kept, reason=f"{kept.reason}; {tried}")
    if area_of(guess) > area_of(start) and not holds(guess_seconds, wanted_fps, beside):
        return choice_of(start, seconds, wanted_fps, beside)
    return choice_of(guess, guess_seconds, wanted_fps, beside)


def larger_size(
    engine: Engine, seconds: float, wanted_fps: float, aspect: float
) -> tuple[int, int] | None:
    """The largest size on offer that holds the rate on an engine whose frame takes `seconds`; None
    if it has that already. On a processor there is none."""
    own = (engine.spec.width, engine.spec.height)
    if engine.spec.device.lower() == "cpu":
        return None
    size = _affordable(seconds, own, _up_to(_WIDEST_ELSEWHERE, aspect), wanted_fps)
    return size if size is not None and area_of(size) > area_of(own) else None


def smaller_that_holds(
    own: tuple[int, int], aspect: float, seconds: float, wanted_fps: float
) -> tuple[int, int] | None:
    """The largest size below `own`, for a shape, that holds the rate without a margin where
    a frame of `own` takes `seconds`, or the smallest there is; None if there is none below."""
    smaller = [size for size in candidates(aspect) if area_of(size) <= _RELIEF * area_of(own)]
    holding = [size for size in smaller if seconds * area_of(size) * wanted_fps <= area_of(own)]
    best = holding or smaller[:1]
    return best[-1] if best else None


def next_larger(
    own: tuple[int, int], aspect: float, seconds: float, wanted_fps: float, device: str
) -> tuple[int, int] | None:
    """The next size above `own`, for a shape, if it holds the rate without a margin where a
    frame of `own` takes `seconds`; None if not, or if the device has its largest already."""
    sizes = _up_to(widest_on(device), aspect)
    larger = next((size for size in sizes if area_of(own) <= _RELIEF * area_of(size)), None)
    if larger is None or seconds * area_of(larger) * wanted_fps > area_of(own):
        return None
    return larger


def widest_on(device: str) -> int:
    """Width of the largest 16:9 size that the program chooses on a device."""
    return _WIDEST_ON_CPU if device.lower() == "cpu" else _WIDEST_ELSEWHERE


def _affordable(
    seconds: float,
    at: tuple[int, int],
    sizes: list[tuple[int, int]],
    wanted_fps: float,
    beside: float = 0.0,
) -> tuple[int, int] | None:
    """The largest of `sizes` that holds the rate where a frame takes `seconds` at another one."""

    def fits(size: tuple[int, int]) -> bool:
        return holds(seconds * area_of(size) / area_of(at), wanted_fps, beside)

    affordable = [size for size in sizes if fits(size)]
    return affordable[-1] if affordable else None


def choice_of(
    size: tuple[int, int], seconds: float, wanted_fps: float, beside: float
) -> SizeChoice:
    fps = 1.0 / max(seconds, 1e-6)
    speed = f"engine {seconds * 1e3:.0f} ms, {fps:.0f} fps"
    verdict = "enough" if holds(seconds, wanted_fps, beside) else "too slow"
    rest = f" beside {beside * 1e3:.0f} ms of other work" if beside >= 1e-3 else ""
    return SizeChoice(*size, f"{size[0]}x{size[1]}: {speed}, {verdict} for {wanted_fps:g}{rest}")


def holds(seconds: float, wanted_fps: float, beside: float = 0.0) -> bool:
    """Whether an engine of this frame time keeps the rate, with a margin of 15 %, where it does not
    have `beside` seconds of a tick."""
    return seconds * _MARGIN <= 1.0 / wanted_fps - beside


def taken_from(device: str, beside: float) -> float:
    """What the rest of the program takes away from an engine there."""
    return beside if device.lower() == "cpu" else 0.0


def _of_width(nominal: int, sizes: list[tuple[int, int]]) -> tuple[int, int]:
    """The size whose area is nearest to that of the 16:9 size of a width."""
    area = nominal * nearest_side(nominal * 9 / 16)
    return min(sizes, key=lambda size: abs(area_of(size) - area))


def _up_to(nominal: int, aspect: float) -> list[tuple[int, int]]:
    """The sizes on offer for a shape up to that of a width, small ones first."""
    sizes = candidates(aspect)
    return sizes[: sizes.index(_of_width(nominal, sizes)) + 1]


def area_of(size: tuple[int, int]) -> int:
    return size[0] * size[1]
