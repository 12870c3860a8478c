"""How good the live picture is, with the resolve stage and without: by turns, in one run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from statistics import mean, median

import cv2
import numpy as np

from engines.api import Engine
from engines.ranges import SIZE_MAX
from streamcam.bench.paced_run import AppRun, Witness
from streamcam.flow.infer.engine_input import EngineInput
from streamcam.flow.post.finish import Finish
from streamcam.frames import Frame, MadeOf, Pixels
from streamcam.frames.geometry import Size, View
from streamcam.looks.aim import encoded
from streamcam.options import Options, view_for
from streamcam.pipeline.workers import finish_for
from streamcam.provision.build import Provided
from streamcam.resolve import Level
from streamcam.resolve.measures import camera_flow, fidelity_db, static_flicker, warp_error

KEPT = 10  # pictures of successive ticks that are compared
_GRAIN = 4.0  # levels, of a grainy camera
_STILL = 16  # frames of a still scene
_SETTLED = 6  # of them, after which steadiness has set in


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFigures:
    """See `streamcam.resolve.measures`; latencies in milliseconds, of `AppRun`.

    app_fps         frames a second that the engine restyled in the app
    static_flicker  over the camera's own, of a still scene with noise of 4 levels
    """

    app_fps: float
    fidelity_db: float
    motion_latency_ms_p50: float
    motion_latency_ms_p95: float
    style_latency_ms_p50: float
    style_latency_ms_p95: float
    new_picture_share: float
    warp_error: float
    static_flicker: float
    resolve_ms_p50: float

    def as_dict(self, suffix: str = "") -> dict[str, float]:
        """For JSON, with `suffix` after every name."""
        return {name + suffix: value for name, value in asdict(self).items()}


def without_resolve(options: Options) -> Options:
    """The same run, showing the engine's pictures as they are."""
    resolve = options.preset.resolve.model_copy(update={"mode": "off"})
    return replace(options, preset=options.preset.model_copy(update={"resolve": resolve}))


class LiveQuality:
    """Compares the sinks' pictures with those that an engine of twice the size would show at
    once."""

    def __init__(self, options: Options, provided: Provided, clip: list[Pixels]) -> None:
        """`provided`: as the runs have it."""
        self._options = options
        self._engine, self._recipe = provided.engine, provided.recipe
        self._clip = clip
        self._view = view_for(options.preset, options)
        self._ideals: dict[int, Pixels] = {}

    def judge(self, options: Options, runs: list[AppRun], witness: Witness) -> LiveFigures:
        """The figures of runs with `options`, the last of them with `witness`."""
        self._add_ideals({index for _, index in witness.seen})
        shown = [picture for picture, _ in witness.seen]
        ideal = [self._ideals[index] for _, index in witness.seen]
        flickers = self._flicker(finish_for(options.preset, options))
        return LiveFigures(
            app_fps=mean(run.fps for run in runs),
            fidelity_db=fidelity_db(shown, ideal),
            motion_latency_ms_p50=median(run.motion_latency_ms_p50 for run in runs),
            motion_latency_ms_p95=median(run.motion_latency_ms_p95 for run in runs),
            style_latency_ms_p50=median(run.style_latency_ms_p50 for run in runs),
            style_latency_ms_p95=median(run.style_latency_ms_p95 for run in runs),
            new_picture_share=mean(run.new_picture_share for run in runs),
            warp_error=self._warp_error(witness),
            static_flicker=flickers,
            resolve_ms_p50=median(run.resolve_ms_p50 for run in runs),
        )

    def _add_ideals(self, indices: set[int]) -> None:
        missing = sorted(indices - self._ideals.keys())
        if not missing:
            return
        spec = self._engine.spec
        size = (min(2 * spec.width, SIZE_MAX), min(2 * spec.height, SIZE_MAX))
        larger = replace(spec, width=size[0], height=size[1], batching="sequential")
        engine = self._recipe.with_spec(larger).build()
        try:
            for index in missing:
                self._ideals[index] = self._shown_by(engine, index, size)
        finally:
            engine.close()

    def _shown_by(self, engine: Engine, index: int, size: Size) -> Pixels:
        given, placement = EngineInput(size, self._view)(self._clip[index])
        params = encoded(self._options.preset.look(), engine.encode)
        picture = np.asarray(engine.run(given, params), np.uint8)
        mirror = self._options.preset.output.mirror
        return (
            Finish(self._view, mirror=mirror)
            .plain(Frame(picture, index, 0.0, placement=placement))
            .pixels
        )

    def _warp_error(self, witness: Witness) -> float:
        errors = []
        for (before, at), (now, then) in pairwise(witness.seen):
            one, other = (_enlarged(self._clip[index], self._view) for index in (at, then))
            errors.append(warp_error(before, now, *camera_flow(one, other)))
        return mean(errors) if errors else 0.0

    def _flicker(self, finish: Finish) -> float:
        scene = _enlarged(self._clip[0], self._view)
        grain = np.random.default_rng(1)
        fit = EngineInput((self._engine.spec.width, self._engine.spec.height), self._view)
        params = encoded(self._options.preset.look(), self._engine.encode)
        seen, shown = [], []
        for number in range(_STILL):
            noise = grain.normal(0.0, _GRAIN, scene.shape).astype(np.float32)
            noisy = np.clip(scene + noise, 0, 255).astype(np.uint8)
            given, placement = fit(noisy)
            styled = np.asarray(self._engine.run(given, params), np.uint8)
            made_of = MadeOf(given, params)
            frame = Frame(noisy, number, number / 30)
            picture = replace(frame, pixels=styled, placement=placement, made_of=made_of)
            resolved = finish.level > Level.HELD
            made = (resolved and finish.current(picture, frame)) or finish.plain(picture)
            if number >= _SETTLED:
                seen.append(noisy)
                shown.append(made.pixels.copy())
        return static_flicker(shown) / static_flicker(seen)


def _enlarged(frame: Pixels, view: View) -> Pixels:
    """A camera's frame as an output of `view` would show it."""
    if (frame.shape[1], frame.shape[0]) == view.size:
        return frame
    visible = view.place((frame.shape[1], frame.shape[0])).visible
    return np.asarray(
        cv2.resize(visible.of(frame), view.size, interpolation=cv2.INTER_CUBIC), np.uint8
    )
