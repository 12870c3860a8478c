"""The first engine of a run, in the size and the way that hold the wanted rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from engines.api import UNWATCHED, Engine, EngineSpec, Watch
from engines.build import build, engine_steps, ready_plans
from streamcam.options import Options
from streamcam.provision.batching import build_batched
from streamcam.provision.size import build_fitting, build_ready, candidates, default_size
from streamcam.provision.spec import describe, spec_for


def build_engine(spec: EngineSpec, watch: Watch = UNWATCHED) -> Engine:
    """`engines.build.build`: the one place of the app that calls it."""
    return build(spec, watch)


def open_engine(
    options: Options,
    aspect: Callable[[], float],
    build_one: Callable[[EngineSpec], Engine] = build_engine,
    *,
    patient: bool = False,
) -> tuple[Engine, str]:
    """The first engine of a run, and a line about it. Raises `EngineError`.

    `aspect`, the width / height that an automatic size should have, is only called if it is one.
    Live, that size holds the wanted rate; for a file it is the default one. Live and with automatic
    batching, several steps run in the way that shows a picture earlier. `build_one` makes one
    engine. A live run begins with torch where TensorRT would take minutes, unless it is `patient`.
    """
    preset, fps = options.preset, options.format.fps
    spec = spec_for(preset, options)
    automatic = not (options.size or preset.size)
    if automatic and not options.realtime:
        spec = spec_for(preset, options, default_size(aspect()))
    if options.realtime and not patient and spec.backend == "tensorrt":
        build_one = partial(_build_first, build_one)
    if not automatic or not options.realtime:
        engine = build_one(spec)
        line = describe(engine)
    else:
        shape = aspect()
        engine, size = build_ready(
            build_one, spec, _ready_sizes(spec, shape), fps
        ) or build_fitting(build_one, spec, fps, shape)
        line = f"engine: {engine.label}, {size.reason}"
    if preset.batching == "auto" and options.realtime:
        spec = replace(spec, width=engine.spec.width, height=engine.spec.height)
        engine, batching = build_batched(build_one, engine, spec, fps)
        line += f"; {batching.reason}" if batching else ""
    return engine, line


def _ready_sizes(spec: EngineSpec, aspect: float) -> list[tuple[int, int]]:
    """The sizes for which a TensorRT engine is kept that this machine runs."""
    if spec.backend not in ("auto", "tensorrt"):
        return []
    sizes = [replace(spec, width=width, height=height) for width, height in candidates(aspect)]
    return [(ready.width, ready.height) for ready in ready_plans(sizes)]


def _build_first(build_one: Callable[[EngineSpec], Engine], spec: EngineSpec) -> Engine:
    """What a stream begins with: it does not wait minutes for TensorRT, but may go on to it."""
    return build_one(engine_steps(spec)[0])
