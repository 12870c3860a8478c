"""Cameras that share UNet calls beside an engine each, by turns. Needs no GPU.

    python tests/benchmarks/batch.py                                   # the embedded model
    python tests/benchmarks/batch.py --model sdxs-random --size 128x128

For each number of sessions, a `Batch` of that capacity and as many engines, each on a thread of its
own, restyle the same frames as fast as they can; both take turns, so whatever else the machine does
hits both alike. On a machine that others use more threads get more of it, so processor time is
counted as well. Latency is from a frame's handing over to its picture. Engines that the memory does
not hold are left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter, process_time

import numpy as np
import psutil
from platformdirs import user_cache_path

from engines.api import Engine, EngineSpec, Params
from engines.batch import Batch, build_batch
from engines.bench.random_model import SD_TURBO, SDXS, random_model
from engines.build import build

GIB = 2**30
KEPT_FREE = 4 * GIB  # of the memory, for others
RANDOM = {"sd-turbo-random": SD_TURBO, "sdxs-random": SDXS}


@dataclass
class Turns:
    """What one way of serving n sessions took; `memory` in GiB."""

    memory: float
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

    def rate(self, frames: int) -> float:
        return frames / median(self.seconds)

    def p95(self) -> float:
        return float(np.percentile(self.latencies, 95)) * 1e3


def held() -> float:
    return psutil.Process().memory_info().rss / GIB


def looks(encode: Callable, sessions: int) -> list[Params]:
    words = [encode(text) for text in ("anime", "neon, cyberpunk", "oil painting", "comic book")]
    return [
        Params(prompt=words[one % 4], negative=words[0], seed=one, strength=0.4 + 0.1 * (one % 5))
        for one in range(sessions)
    ]


def batched(batch: Batch, frames: np.ndarray, sessions: int) -> Callable[[], list[float]]:
    """A turn: every session's frames, a call for each frame of all."""
    seats, given = [batch.open() for _ in range(sessions)], looks(batch.encode, sessions)

    def turn() -> list[float]:
        found = []
        for frame in frames:
            began = perf_counter()
            batch.run([(seat, frame, look) for seat, look in zip(seats, given, strict=True)])
            found += [perf_counter() - began] * sessions
        return found

    return turn


def apart(engines: list[Engine], frames: np.ndarray) -> Callable[[], list[float]]:
    """A turn: the same, a thread and an engine each."""
    given = looks(engines[0].encode, len(engines))
    pool = ThreadPoolExecutor(len(engines))

    def session(engine: Engine, look: Params) -> list[float]:
        found = []
        for frame in frames:
            began = perf_counter()
            engine.run(frame, look)
            found.append(perf_counter() - began)
        return found

    return lambda: [one for each in pool.map(session, engines, given) for one in each]


def as_many_as_fit(spec: EngineSpec, sessions: int) -> list[Engine] | None:
    """None, and nothing is held, if the memory does not hold them."""
    engines: list[Engine] = []
    each = 0.0  # of the first, which may share something with those that follow
    for missing in range(sessions, 0, -1):
        if psutil.virtual_memory().available - missing * each * GIB < KEPT_FREE:
            for engine in engines:
                engine.close()
            return None
        before = held()
        engines.append(build(spec))
        engines[-1].run(
            np.zeros((spec.height, spec.width, 3), np.uint8), looks(engines[-1].encode, 1)[0]
        )
        each = each or held() - before
    return engines


def measure(spec: EngineSpec, sessions: int, count: int, turns: int) -> str:
    """A line of the table."""
    frames = np.random.default_rng(0).integers(
        0, 256, (count, spec.height, spec.width, 3), np.uint8
    )
    before = held()
    batch = build_batch(spec, sessions)
    ways = [batched(batch, frames, sessions)]
    ways[0]()
    found = [Turns(held() - before)]
    before = held()
    engines = as_many_as_fit(spec, sessions)
    if engines is not None:
        ways.append(apart(engines, frames))
        ways[1]()
        found.append(Turns(held() - before))
    for _ in range(turns):
        for way, took in zip(ways, found, strict=True):
            began, used = perf_counter(), process_time()
            took.latencies += way()
            took.seconds.append(perf_counter() - began)
            took.processor.append(process_time() - used)
    for one in (batch, *(engines or [])):
        one.close()
    made = count * sessions
    cells = [
        f"{took.rate(made):.2f} fps, {median(took.processor) / made * 1e3:.0f} ms | "
        f"{took.p95():.0f} ms | {took.memory:.2f} GiB"
        for took in found
    ]
    if engines is None:
        return f"| {sessions} | {cells[0]} | – | – | does not fit | – |"
    together, alone = found
    rates, used = (
        median(one / other for one, other in zip(*pair, strict=True))
        for pair in ((alone.seconds, together.seconds), (together.processor, alone.processor))
    )
    return f"| {sessions} | {cells[0]} | {cells[1]} | {rates:.2f}, **{used:.2f}** |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--backend", default="openvino")
    parser.add_argument("--size", default="256x256")
    parser.add_argument("--sessions", default="1,2,4,8,16")
    parser.add_argument("--frames", type=int, default=4, help="of each session in a turn")
    parser.add_argument("--turns", type=int, default=5)
    asked = parser.parse_args()
    model = asked.model
    if model in RANDOM:
        root = user_cache_path("streamcam", appauthor=False) / "models"
        model = str(random_model(model, RANDOM[model], root, print))
    width, height = (int(side) for side in asked.size.split("x"))
    spec = EngineSpec(model=model, width=width, height=height, backend=asked.backend, device="cpu")
    print(
        "| sessions | batch: rate, processor time a frame | p95 | memory | engines | p95 | memory "
        "| batch / engines: rate, processor time |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for sessions in asked.sessions.split(","):
        print(measure(spec, int(sessions), asked.frames, asked.turns), flush=True)


if __name__ == "__main__":
    main()
