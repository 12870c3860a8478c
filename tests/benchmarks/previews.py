"""What previews of looks cost the stream: the demo clip, or a picture that stands still, restyled
live by turns with and without a page that asks for them.

python tests/benchmarks/previews.py [SECONDS a turn] [TURNS] [SOURCE]
"""

from __future__ import annotations

import sys
from statistics import median
from time import perf_counter, sleep

from streamcam.options import Options
from streamcam.pipeline import Pipeline
from streamcam.presets import load_preset

COUNTED = ("engine", "out")
LATENCIES = ("motion_latency_ms_p50", "style_latency_ms_p50")
ASKED_EVERY = 2.0  # seconds, as the page does


def turn(pipeline: Pipeline, seconds: float, *, asked: bool) -> dict[str, float]:
    """Pictures a second over the whole turn, medians of latencies, and previews a minute."""
    sleep(7.0)  # the wish of the turn before ends
    stats, latencies = pipeline.stats, {name: [] for name in LATENCIES}
    numbers = pipeline.previews.numbers() if asked else {}
    made, counts = max(numbers.values(), default=0), {name: stats.total(name) for name in COUNTED}
    begun = perf_counter()
    for number in range(int(seconds / 0.5)):
        sleep(max(begun + 0.5 * (number + 1) - perf_counter(), 0.0))
        if asked and number % int(ASKED_EVERY / 0.5) == 0:
            numbers = pipeline.previews.numbers()
        now = stats.snapshot().as_dict()
        for name, found in latencies.items():
            found.append(float(now[name]))
    took = perf_counter() - begun
    rates = {f"{name} a second": (stats.total(name) - counts[name]) / took for name in COUNTED}
    previews = (max(numbers.values(), default=0) - made) * 60 / took
    return rates | {n: median(f) for n, f in latencies.items()} | {"previews a minute": previews}


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    turns = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    source = sys.argv[3] if len(sys.argv) > 3 else "demo"
    options = Options(preset=load_preset("anime"), source=source, outputs=("null",), web=False)
    pipeline = Pipeline(options, print)
    pipeline.start()
    ways: dict[bool, list[dict[str, float]]] = {False: [], True: []}
    try:
        sleep(15.0)
        for number in range(2 * turns):
            asked = bool(number % 2)
            ways[asked].append(turn(pipeline, seconds, asked=asked))
    finally:
        pipeline.stop()
    for name in ways[True][0]:
        without, with_them = (median(one[name] for one in ways[way]) for way in (False, True))
        ratio = f"  {with_them / without:.3f}" if without else ""
        print(f"{name:24} without {without:7.1f}  with {with_them:7.1f}{ratio}")


if __name__ == "__main__":
    main()
