"""Fitting: what keeps a run as it should be: the watchdog, and with it the engine's size, which
follows the source's shape and the rate that is reached."""

from __future__ import annotations

from functools import partial

from streamcam.flow.stages import Stages
from streamcam.options import Options, view_for
from streamcam.pipeline.live import Live
from streamcam.pipeline.watchdog import Watchdog
from streamcam.pipeline.watchdog.rescue import Rescue
from streamcam.pipeline.workers import Workers
from streamcam.provision.rate import RateWatch, progress_of
from streamcam.provision.shape import ShapeWatch


def watchdog_for(options: Options, workers: Workers, live: Live, stages: Stages) -> Watchdog:
    """Of a live run."""
    infer, form = workers.infer, options.format

    def aspect() -> float | None:
        source = infer.source
        return source and view_for(live.preset, options).aspect(source)

    rate = RateWatch(
        form.fps,
        partial(progress_of, workers.stats),
        live.adjustable,
        live.resize,
        lambda: infer.crossing,
    )
    looks = (ShapeWatch(aspect, live.reshape).look, rate.look)
    rescue = Rescue(workers, live, stages)
    return Watchdog(workers, looks, rescue, (form.width, form.height), stages.stopping)
