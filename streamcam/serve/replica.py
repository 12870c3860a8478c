"""A replica's room: its batch, built and measured, with nobody in it yet. Knows nothing of Ray."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

import numpy as np

from engines.api import EngineSpec
from engines.recipe import Recipe
from streamcam.config import parse_size
from streamcam.looks.aim import encoded
from streamcam.looks.look import Look
from streamcam.options import Options
from streamcam.presets import load_preset
from streamcam.provision.device import chosen_device
from streamcam.provision.spec import spec_for
from streamcam.serve.admission import Admission
from streamcam.serve.figures import Figures
from streamcam.serve.machine import Batch, Machine
from streamcam.serve.session import Room
from streamcam.serve.settings import Settings

_MEASURE_SECONDS = 0.5
_MEASURED_CALLS = (3, 50)


def open_room(
    settings: Settings, figures: Figures, build: Callable[[EngineSpec, int], Batch]
) -> Room:
    """Takes seconds. Raises `EngineError` and `UsageError`."""
    batch = build(spec_of(settings), settings.seats)
    rate = measured_rate(batch)
    return Room(Machine(batch), Admission(rate, batch.capacity), figures, batch.label)


def spec_of(settings: Settings) -> EngineSpec:
    """Every frame is done when it is answered: steps run one by one. Raises as `open_room`."""
    options = Options(
        preset=load_preset(settings.preset),
        source="demo",
        outputs=("null",),
        size=parse_size(settings.size) if settings.size else None,
        model=settings.model or None,
        backend=settings.backend or None,
        device=chosen_device(settings.device or None),
    )
    spec = spec_for(options.preset, options)
    return Recipe(replace(spec, batching="sequential")).spec


def measured_rate(batch: Batch) -> float:
    """Frames a second, with every seat taken: what the device manages at most."""
    spec, rng = batch.spec, np.random.default_rng(1)
    frame = rng.integers(0, 256, (spec.height, spec.width, 3), np.uint8)
    params = encoded(Look("", "a picture"), batch.encode)
    seats = [batch.open() for _ in range(batch.capacity)]
    frames = [(seat, frame, params) for seat in seats]
    batch.run(frames)  # the first call loads and compiles
    least, most = _MEASURED_CALLS
    began, calls, gone = perf_counter(), 0, 0.0
    while calls < least or (gone < _MEASURE_SECONDS and calls < most):
        batch.run(frames)
        calls, gone = calls + 1, perf_counter() - began
    for seat in seats:
        seat.close()
    return calls * batch.capacity / gone
