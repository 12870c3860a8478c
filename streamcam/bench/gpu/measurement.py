"""Measuring one part of the GPU suite: every program on the same frames, by turns in one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

import cv2

from engines.api import Engine, Execution
from engines.bench.measure import limit_of
from engines.bench.peer_process import PeerProcess
from engines.devices import card_of
from engines.errors import BackendUnavailable, EngineError
from engines.model import Model
from engines.recipe import Recipe
from engines.survey import NvidiaCard
from streamcam.bench.gpu.part import AppFigures, Figures, SuitePart, options_of
from streamcam.bench.gpu.power import PowerMeter
from streamcam.bench.paced_run import AppRun, bundled_clip, run_app
from streamcam.bench.peers import (
    OurEngine,
    PeerRequest,
    fitted_frames,
    open_peer,
    params_for,
    request_for,
)
from streamcam.bench.turns import Run, side, take_turns
from streamcam.options import Options
from streamcam.provision.spec import spec_for

# Ours, by backend and execution; the first that can be built is what the others are compared with.
ENGINES: dict[str, tuple[str, Execution]] = {
    "torch, CUDA graph": ("torch", "graph"),
    "torch, eager": ("torch", "eager"),
    "torch, compiled": ("torch", "compile"),
    "TensorRT": ("tensorrt", "auto"),
}
PEERS = ("streamdiffusion", "diffusers")
_POWER_SECONDS = 5.0

Say = Callable[[str], None]
Build = Callable[[Recipe], Engine]
OpenPeer = Callable[[str, PeerRequest, Path, Say], PeerProcess]


class Measurement:
    """Measures one part on the NVIDIA card that torch takes first. Main thread only.

    absent                  peers that cannot be had, and why
    build, open_peer, card  replace what makes engines and peers and asks the driver for the card
    """

    def __init__(
        self,
        part: SuitePart,
        say: Say,
        absent: Mapping[str, str] = MappingProxyType({}),
        build: Build = Recipe.build,
        open_peer: OpenPeer = open_peer,
        card: Callable[[], NvidiaCard] | None = None,
    ) -> None:
        self._part, self._say = part, say
        self._build, self._open_peer = build, open_peer
        self._card = card or partial(card_of, part.device)
        self._figures = Figures(missing=dict(absent))
        self._meter = PowerMeter(self._card().uuid)

    def run(self, seconds: float) -> Figures:
        """Measure for about `seconds`, as long again for the app, and what loading takes.

        Raises `EngineError` if none of our engines can be built, and OSError without a driver.
        """
        cv2.setNumThreads(1)  # as in a run
        figures = self._figures
        options = options_of(self._part, self._say)
        with ExitStack() as stack:
            recipe = Recipe(spec_for(options.preset, options))
            engines = self._open_engines(recipe, stack)
            spec = next(iter(engines.values())).spec
            fastest = self._run_sides(options, recipe.model, engines, seconds, stack)
        figures.limit = limit_of(recipe.model, spec)
        figures.limit_ms = figures.limit.ms
        figures.shares = {
            name: figures.limit_ms / one.ms_p50 for name, one in figures.sides.items()
        }
        if self._part.app:
            figures.app = self._run_app(options, fastest, seconds / 2)
        return figures

    def _open_engines(self, recipe: Recipe, stack: ExitStack) -> dict[str, Engine]:
        spec = replace(recipe.spec, device=self._part.device)
        engines: dict[str, Engine] = {}
        for name, (backend, execution) in ENGINES.items():
            self._say(f"{self._part.name}: building {name}")
            before = self._used()
            wanted = replace(spec, backend=backend, execution=execution)
            try:
                engine = self._build(recipe.with_spec(wanted))
            except EngineError as error:
                self._figures.missing[name] = str(error)
                continue
            stack.callback(engine.close)
            engines[name] = engine
            self._figures.memory[name] = self._used() - before
        if not engines:
            raise BackendUnavailable(next(iter(self._figures.missing.values())))
        return engines

    def _run_sides(
        self,
        options: Options,
        model: Model,
        engines: Mapping[str, Engine],
        seconds: float,
        stack: ExitStack,
    ) -> str:
        """Fill `sides`; the name of our fastest engine."""
        figures, first = self._figures, next(iter(engines.values()))
        params, frames = params_for(options, first, model), fitted_frames(first.spec)
        ours = {name: OurEngine(one, params, cycle(frames)) for name, one in engines.items()}
        sides: dict[str, Run] = {name: one.run for name, one in ours.items()}
        scratch = Path(stack.enter_context(TemporaryDirectory(prefix="streamcam-gpu-")))
        request, notes = request_for(first.spec, model, params, frames, scratch), {}
        for name in (one for one in PEERS if one not in figures.missing):
            before = self._used()
            try:
                peer = self._open_peer(name, request, scratch, self._say)
            except EngineError as error:
                figures.missing[name] = str(error)
                continue
            stack.callback(peer.close)
            figures.memory[name] = self._used() - before
            sides[name], notes[name] = peer.run, (tuple(peer.notes), peer.versions)
        self._say(f"{self._part.name}: {', '.join(sides)} take turns")
        rounds = take_turns(sides, seconds)
        base = next(iter(rounds.values()))
        for name, blocks in rounds.items():
            said, versions = notes.get(name, ((), None))
            figures.sides[name] = replace(side(base, blocks), notes=said, versions=versions)
        figures.stages = {name: one.stages() for name, one in ours.items()}
        fastest = min(ours, key=lambda name: figures.sides[name].ms_p50)
        with self._meter.measuring():
            ours[fastest].run(round(_POWER_SECONDS * 1e3 / figures.sides[fastest].ms_p50) + 1)
        figures.watts[fastest] = self._meter.watts
        return fastest

    def _used(self) -> int:
        return self._card().used

    def _run_app(self, options: Options, name: str, seconds: float) -> AppFigures:
        backend, execution = ENGINES[name]
        self._say(f"{self._part.name}: the app on {name}")
        moving = bundled_clip()
        frame_ms = self._figures.sides[name].ms_p50
        runs: list[AppRun] = []
        watts: list[float | None] = []
        for frames, policy in ((moving, "always"), (moving[:1], options.preset.gate.policy)):
            gate = options.preset.gate.model_copy(update={"policy": policy})
            preset = options.preset.model_copy(update={"gate": gate, "execution": execution})
            run = replace(options, preset=preset, backend=backend, device=self._part.device)
            runs.append(run_app(run, frames, frame_ms, seconds, self._meter.measuring()))
            watts.append(self._meter.watts)
        return AppFigures(
            engine=name,
            moving=runs[0],
            still=runs[1],
            app_to_engine=runs[0].fps * frame_ms / 1e3,
            latency_frames=runs[0].style_latency_ms_p95 / frame_ms,
            moving_watts=watts[0],
            still_watts=watts[1],
        )
