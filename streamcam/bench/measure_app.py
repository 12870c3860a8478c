"""Bench: what a preset costs on this machine, from one run on one input.

The bare engine, the engine beside its networks, and the whole app take turns on the bundled clip,
so that whatever else the machine does hits all of them alike and their ratios hold.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import cycle
from statistics import mean, median
from time import perf_counter

import cv2
import numpy as np
import psutil

from engines.api import EngineSpec
from engines.bench.measure import Timings, cost_of, peak_flops, time_in_turns
from engines.graphs.export import PARTS, with_graphs
from engines.model import Model, frame_step_graph
from streamcam.bench.live_quality import KEPT, LiveFigures, LiveQuality, without_resolve
from streamcam.bench.mask_cost import mask_ms
from streamcam.bench.paced_run import AppRun, Witness, bundled_clip, run_app
from streamcam.frames import Pixels
from streamcam.looks.aim import encoded
from streamcam.options import Options
from streamcam.provision.build import Provided, open_engine
from streamcam.stats import percentile

_ROUNDS = 3
_LIVE = "live:"  # what the command says with its first picture
_CHILD_SECONDS = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Times in milliseconds unless the name says otherwise; `size` is the engine's.

    engine_ms_*       `Engine.run` alone
    networks_ms       the sum of the medians of encoder, UNet and decoder, each run alone
    engine_to_networks  `Engine.run` over networks_ms, all four run by turns
    app_to_engine     ratio of the rates at which the engine restyles
    live, live_off    of the whole app: as the preset says, and showing the engine's pictures as
                      they are
    first_frame_s     seconds from the command, in a new process, to its first restyled picture
    mask_ms           processor time that [mask] adds to a picture that is shown, by turns without
    peak_share        operations a second of the engine over those of a large matrix product
    rss_mb            most memory that process held
    Those two are of the preset as it is in its file, with steps and precision from there.
    """

    engine_ms_p50: float
    engine_ms_p95: float
    networks_ms: float
    engine_to_networks: float
    engine_fps: float
    app_to_engine: float
    live: LiveFigures
    live_off: LiveFigures
    mask_ms: float
    first_frame_s: float
    peak_share: float
    rss_mb: float
    size: str
    steps: int
    guidance_mode: str
    model: str
    backend: str
    precision: str
    device: str

    def as_dict(self) -> dict[str, float | int | str]:
        """For JSON: figures of `live` by their names, of `live_off` with "_off" after them."""
        rest = {name: value for name, value in asdict(self).items() if "live" not in name}
        return {**self.live.as_dict(), **self.live_off.as_dict("_off"), **rest}


@dataclass(slots=True)
class _Samples:
    """What the rounds brought, in the units of Report."""

    alone: list[float]
    beside: Timings
    app: list[AppRun]
    app_off: list[AppRun]
    live: LiveFigures | None = None
    live_off: LiveFigures | None = None
    mask_ms: float = 0.0


def bench(options: Options, seconds: float, say: Callable[[str], None]) -> Report:
    """Measure for about `seconds`, and a few more for start-up. Main thread only.

    `options` say what to run; source, outputs and web are the bench's own. Raises `UsageError`
    or `EngineError` for what cannot be run.
    """
    cv2.setNumThreads(1)  # as in a run
    clip = bundled_clip()
    options = _measurable(options)
    aspect = options.format.width / options.format.height
    provided = open_engine(options, lambda: aspect)
    spec = provided.engine.spec
    try:
        cost = cost_of(spec)
        say(provided.line)
        first_frame_s, rss_mb = _start_up(options, say)
        options = replace(options, size=(spec.width, spec.height))
        model = _with_parts(provided.recipe.model, spec)
        samples = _sampled(options, provided, model, clip, seconds)
    finally:
        provided.engine.close()
    times = sorted(samples.alone)
    # Means on both sides: a rate counts the slow frames too.
    engine_fps = 1e3 / mean(times)
    assert samples.live is not None
    assert samples.live_off is not None
    engine_s = median(times) / 1e3
    return Report(
        engine_ms_p50=median(times),
        engine_ms_p95=percentile(times, 95),
        networks_ms=samples.beside.networks_ms,
        engine_to_networks=median(samples.beside.engine) / samples.beside.networks_ms,
        engine_fps=engine_fps,
        app_to_engine=samples.live.app_fps / engine_fps,
        live=samples.live,
        live_off=samples.live_off,
        mask_ms=samples.mask_ms,
        first_frame_s=first_frame_s,
        peak_share=cost.frame_flops(model, spec) / engine_s / peak_flops(cost, spec),
        rss_mb=rss_mb,
        size=f"{spec.width}x{spec.height}",
        steps=spec.steps,
        guidance_mode=spec.guidance_mode,
        model=model.name,
        backend=spec.backend,
        precision=spec.precision,
        device=spec.device,
    )


def _with_parts(model: Model, spec: EngineSpec) -> Model:
    """With the graphs that the cost of an engine is taken from. `spec`: that engine's own."""
    if spec.backend in ("openvino", "tensorrt"):
        return with_graphs(model, [*PARTS, frame_step_graph(spec)])
    return model


def _measurable(options: Options) -> Options:
    """The same run on the bundled clip to nowhere, with an engine that never rests."""
    gate = options.preset.gate.model_copy(update={"policy": "always"})
    preset = options.preset.model_copy(update={"gate": gate})
    return replace(options, preset=preset, source="demo", outputs=("null",), web=False)


def _sampled(
    options: Options, provided: Provided, model: Model, clip: list[Pixels], seconds: float
) -> _Samples:
    engine = provided.engine
    size = (engine.spec.width, engine.spec.height)
    fitting = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in clip]
    frames = cycle([np.asarray(frame, np.uint8) for frame in fitting])
    params = encoded(options.preset.look(), engine.encode)
    networks = cost_of(engine.spec).networks_alone(model, engine.spec)
    samples = _Samples([], Timings([], {name: [] for name in networks}), [], [])
    sides = {True: (options, samples.app), False: (without_resolve(options), samples.app_off)}
    witnesses = {resolved: Witness(KEPT) for resolved in sides}
    share = seconds / _ROUNDS / 4
    for _ in range(_ROUNDS):
        beside = time_in_turns(engine, params, frames, networks, share)
        samples.beside.engine.extend(beside.engine)
        for name, times in beside.networks.items():
            samples.beside.networks[name].extend(times)
        alone = time_in_turns(engine, params, frames, {}, share).engine
        samples.alone.extend(alone)
        for resolved, (wanted, runs) in sides.items():
            witness = witnesses[resolved]
            runs.append(run_app(wanted, clip, median(alone), share, witness=witness))
    quality = LiveQuality(options, provided, clip)
    samples.live, samples.live_off = (
        quality.judge(wanted, runs, witnesses[resolved])
        for resolved, (wanted, runs) in sides.items()
    )
    samples.mask_ms = mask_ms(options, engine, clip)
    return samples


def _start_up(options: Options, say: Callable[[str], None]) -> tuple[float, float]:
    """Seconds from the real command to its first picture, and the most memory it held, MB."""
    flags = {"--model": options.model, "--backend": options.backend}
    if options.size:
        flags["--size"] = "{}x{}".format(*options.size)
    command = [sys.executable, "-m", "streamcam", "--source", "demo", "--output", "null"]
    command += ["--no-web", "--duration", str(_CHILD_SECONDS)]
    command += ["--preset", str(options.preset.path or options.preset.name)]
    command += [word for flag, value in flags.items() if value for word in (flag, value)]
    say("start-up: the command in a process of its own")
    began = perf_counter()
    first, memory = 0.0, 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        watched = psutil.Process(child.pid)
        for line in child.stdout:
            if line.startswith(_LIVE):
                first = perf_counter() - began
            if watched.is_running() and child.poll() is None:
                memory = max(memory, watched.memory_info().rss)
    return first, memory / 1e6
