"""What an engine costs, measured: the frame, its three networks alone, and the machine's peak.

For benchmarks. What depends on the backend is in `backends/_NAME_cost.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from statistics import median
from time import perf_counter
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from engines.api import Engine, EngineSpec, Params
from engines.errors import BackendUnavailable
from engines.model import Model

_PEAK_SECONDS = 0.5


class Cost(Protocol):
    """What a `backends/_NAME_cost.py` has. `spec` is that of a built engine: it names no auto."""

    def networks_alone(self, model: Model, spec: EngineSpec) -> dict[str, Callable[[], None]]:
        """Each network as a function that runs it once, as the engine would."""
        ...

    def frame_flops(self, model: Model, spec: EngineSpec) -> float:
        """Floating-point operations of one frame: those of convolutions and matrix products."""
        ...

    def matrix_product(self, spec: EngineSpec) -> tuple[Callable[[], None], float]:
        """A large matrix product to run on the device, and its operations."""
        ...


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds of single runs that took turns, so that a busy moment hits all alike.

    engine    `Engine.run`
    networks  for each network, one run alone
    """

    engine: list[float]
    networks: dict[str, list[float]]

    @property
    def networks_ms(self) -> float:
        """Sum of the networks' medians."""
        return sum(median(times) for times in self.networks.values())


def time_in_turns(
    engine: Engine,
    params: Params,
    frames: Iterator[NDArray[np.uint8]],
    networks: dict[str, Callable[[], None]],
    seconds: float,
) -> Timings:
    """Run the engine and each network in turn for `seconds`."""
    picture = np.empty((engine.spec.height, engine.spec.width, 3), np.uint8)
    timings = Timings([], {name: [] for name in networks})
    engine.run(next(frames), params, picture)
    deadline = perf_counter() + seconds
    while perf_counter() < deadline:
        frame = next(frames)
        timings.engine.append(_milliseconds(lambda: engine.run(frame, params, picture)))  # noqa: B023
        for name, run in networks.items():
            timings.networks[name].append(_milliseconds(run))
    return timings


def unet_rows(spec: EngineSpec) -> int:
    """R: rows of the UNet's batch in the stream batch."""
    extra = {"full": spec.steps, "onetime": 1}
    return spec.steps + extra.get(spec.guidance_mode, 0)


def cost_of(spec: EngineSpec) -> Cost:
    """How to measure a built engine's spec. Raises `BackendUnavailable` for the test device."""
    name = f"engines.backends._{spec.backend}_cost"
    if find_spec(name) is None:
        raise BackendUnavailable(f"backend {spec.backend!r} computes nothing that can be measured.")
    return cast(Cost, import_module(name))


def peak_flops(cost: Cost, spec: EngineSpec) -> float:
    """The most operations a second that the device does for a large matrix product."""
    run, operations = cost.matrix_product(spec)
    fastest = float("inf")
    deadline = perf_counter() + _PEAK_SECONDS
    while perf_counter() < deadline:
        fastest = min(fastest, _milliseconds(run))
    return operations / (fastest * 1e-3)


def _milliseconds(run: Callable[[], object]) -> float:
    began = perf_counter()
    run()
    return (perf_counter() - began) * 1e3
