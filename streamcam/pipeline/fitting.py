"""Fitting: what keeps the engine's size right during a run: the source's shape, and the rate."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from streamcam.flow.infer import InferWorker
from streamcam.options import Options, view_for
from streamcam.pipeline.live import Live
from streamcam.provision.rate import RateWatch, progress_of
from streamcam.provision.shape import ShapeWatch
from streamcam.stats import Stats


def fitting(
    live: Live, infer: InferWorker, options: Options, stats: Stats
) -> tuple[Callable[[], None], Callable[[], None]]:
    """What the watchdog calls on each round."""

    def aspect() -> float | None:
        source = infer.source
        return source and view_for(live.preset, options).aspect(source)

    shape = ShapeWatch(aspect, live.reshape)
    rate = RateWatch(
        options.format.fps,
        partial(progress_of, stats),
        live.adjustable,
        live.resize,
        lambda: infer.crossing,
    )
    return shape.look, rate.look
