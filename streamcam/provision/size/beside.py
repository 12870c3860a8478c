"""Beside: what a run takes of the processor beside its engine, reckoned before it runs."""

from __future__ import annotations

from pathlib import Path

from streamcam.options import Options
from streamcam.priority import usable_cores
from streamcam.sink import VIDEO_SUFFIXES

# Seconds of a core a tick for pictures of 1280x720, counted by thread (`top -H`) while the engine
# kept both threads of a Zen 3 core busy, where everything takes half as long again as alone.
_AREA = 1280 * 720
_SHOWN, _RESOLVED, _MASKED = 9e-3, 9e-3, 11e-3  # the source and what finishes a picture; [resolve]
_RECORDED, _SENT = 8e-3, 2e-3  # by output


def beside_seconds(options: Options) -> float:
    """Seconds of a tick for which the rest of a live run keeps every core from an engine that
    computes on them.

    An engine is measured while it has the processor to itself; with two cores and a recording the
    run then takes 13 ms of each tick away from it.
    """
    preset, form = options.preset, options.format
    taken = _SHOWN
    if preset.resolve.mode != "off":
        taken += _RESOLVED
    if preset.mask.source != "off":
        taken += _MASKED
    for output in options.outputs:
        taken += _RECORDED if Path(output).suffix.lower() in VIDEO_SUFFIXES else _SENT
    return taken * form.width * form.height / _AREA / usable_cores()
