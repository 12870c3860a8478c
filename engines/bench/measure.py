"""What an engine costs, measured: the frame, its three networks alone, and the machine's peak.

For benchmarks. What depends on the backend is in `backends/NAME/cost.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from statistics import median
from time import perf_counter
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from engines.api import Engine, EngineSpec, Params
from engines.errors import BackendUnavailable, quoted
from engines.model import Model

_PEAK_SECONDS = 0.5


class Cost(Protocol):
    """What a `backends/NAME/cost.py` has. `spec` is that of a built engine: it names no auto."""

    def networks_alone(self, model: Model, spec: EngineSpec) -> dict[str, Callable[[], None]]:
        """Each network as a function that runs it once, as the engine would."""
        ...

    def frame_flops(self, model: Model, spec: EngineSpec) -> float:
        """Floating-point operations of one frame: those of convolutions and matrix products."""
        ...

    def matrix_product(self, spec: EngineSpec) -> tuple[Callable[[], None], float]:
        """A large matrix product to run on the device, and its operations."""
        ...


class MemoryCost(Cost, Protocol):
    """What the cost of a backend that torch drives has besides."""

    def weight_bytes(self, model: Model, spec: EngineSpec) -> int:
        """Bytes of the weights of the three networks, as they lie on the device."""
        ...

    def memory_copy(self, spec: EngineSpec) -> tuple[Callable[[], None], float]:
        """A large copy within the device's memory, and the bytes that it reads and writes."""
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


def cost_of(spec: EngineSpec) -> Cost:
    """How to measure a built engine's spec. Raises `BackendUnavailable` for the test device."""
    name = f"engines.backends.{spec.backend}.cost"
    try:
        return cast(Cost, import_module(name))
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise BackendUnavailable(
            f"backend {quoted(spec.backend)} computes nothing that can be measured."
        ) from error


def peak_flops(cost: Cost, spec: EngineSpec) -> float:
    """The most operations a second that the device does for a large matrix product."""
    return _peak(*cost.matrix_product(spec))


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The least time of a frame on the device: nothing computes or moves faster than was measured.

    flops        operations of the frame's convolutions and matrix products
    bytes        that must move at least once: every weight, and the frame in and out. What a
                 network hands from layer to layer could stay on the chip, so it does not count
    peak_flops   operations a second of a large matrix product, measured
    peak_bytes   bytes a second that a large copy reads and writes, measured
    """

    flops: float
    bytes: float
    peak_flops: float
    peak_bytes: float

    @property
    def ms(self) -> float:
        """Milliseconds below which no frame can come: computing and moving may overlap."""
        return 1e3 * max(self.flops / self.peak_flops, self.bytes / self.peak_bytes)


def limit_of(model: Model, spec: EngineSpec) -> Limit:
    """Measure and count it for the spec of an engine that torch drives ("torch", "tensorrt")."""
    cost = cast(MemoryCost, cost_of(spec))
    picture = 3 * spec.width * spec.height
    return Limit(
        flops=cost.frame_flops(model, spec),
        bytes=cost.weight_bytes(model, spec) + 2 * picture,
        peak_flops=peak_flops(cost, spec),
        peak_bytes=_peak(*cost.memory_copy(spec)),
    )


def _peak(run: Callable[[], None], amount: float) -> float:
    """The most a second: `run` brings `amount`."""
    fastest = float("inf")
    deadline = perf_counter() + _PEAK_SECONDS
    while perf_counter() < deadline:
        fastest = min(fastest, _milliseconds(run))
    return amount / (fastest * 1e-3)


def _milliseconds(run: Callable[[], object]) -> float:
    began = perf_counter()
    run()
    return (perf_counter() - began) * 1e3
