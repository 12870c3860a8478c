"""The parts that a preset asks for under the flags of a run: engine, gate, chain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from engines.api import NOBODY, Batching, Engine, EngineSpec, Watch
from engines.build import build, engine_steps, ready_plans
from streamcam.frames.geometry import View
from streamcam.gate import Gate, open_gate
from streamcam.gate._rest import Rest
from streamcam.infer.batching import build_batched
from streamcam.infer.size import build_fitting, build_ready, candidates, default_size
from streamcam.infer.worker import OpenGate
from streamcam.pipeline.options import Options
from streamcam.pipeline.preset_prompts import with_room
from streamcam.post.chain import Chain
from streamcam.presets import Preset
from streamcam.stats import Stats


def spec_for(
    preset: Preset,
    options: Options,
    size: tuple[int, int] | None = None,
    batching: Batching = "stream",
) -> EngineSpec:
    """The engine for a preset, with room for all its prompts; `size` and `batching` are what
    "auto" stands for.

    Raises `EngineError`: `InvalidSpec`, `InvalidPrompt`, `ModelUnavailable`.
    """
    spec = EngineSpec(
        model=options.model or preset.model,
        family=preset.family,
        autoencoder=preset.autoencoder,
        loras=tuple(preset.loras.items()),
        steps=preset.steps,
        guidance_mode=preset.guidance_mode,
        batching=batching if preset.batching == "auto" else preset.batching,
        precision=preset.precision,
        backend=options.backend or preset.backend,
        execution=preset.execution,
    )
    chosen = options.size or preset.size or size
    return with_room(replace(spec, width=chosen[0], height=chosen[1]) if chosen else spec, preset)


def same_but_size(spec: EngineSpec, other: EngineSpec) -> bool:
    """The two differ in their size at most: what one shows, with its prompts, the other can."""
    return replace(spec, width=other.width, height=other.height) == other


def build_engine(spec: EngineSpec, watch: Watch = NOBODY) -> Engine:
    """`engines.build.build`: the one place of the app that calls it."""
    return build(spec, watch)


def steps_to(spec: EngineSpec) -> list[EngineSpec]:
    """`engines.build.engine_steps`: the engine to begin with, and the better one it leads to."""
    return engine_steps(spec)


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
    return build_one(steps_to(spec)[0])


def describe(engine: Engine) -> str:
    """A line for people."""
    steps = f", {engine.spec.steps} steps" if engine.spec.steps > 1 else ""
    return f"engine: {engine.label}, {engine.spec.width}x{engine.spec.height}{steps}"


def gate_opener(
    preset: Preset, options: Options, watched: Callable[[], bool], stats: Stats
) -> OpenGate:
    """The gate that the preset wants; for a file, where every frame counts, "always".

    watched  whether anybody sees the picture: if not, the engine rests
    """
    choice = preset.gate
    if not options.realtime:
        return partial(open_gate, "always", choice)

    def opened(drain: int) -> Gate:
        gate = open_gate(choice.policy, choice, drain)
        tell = partial(stats.notice, "rest")
        return Rest(gate, watched, choice.rest, tell) if choice.rest else gate

    return opened


def view_for(preset: Preset, options: Options) -> View:
    """What the outputs show of a source; their size stays that of the start."""
    form = options.format
    return View((form.width, form.height), preset.output.fit)


def chain_for(preset: Preset, options: Options) -> Chain:
    """From pictures of any engine to the outputs."""
    return Chain(view_for(preset, options), mirror=preset.output.mirror)
