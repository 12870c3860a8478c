"""The engine that a preset asks for under the flags of a run: its spec, the way to it, a line."""

from __future__ import annotations

from dataclasses import replace

from engines.api import Batching, Engine, EngineSpec
from engines.build import engine_steps
from streamcam.options import Options
from streamcam.presets import Preset
from streamcam.provision.prompts import with_room


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


def steps_to(spec: EngineSpec) -> list[EngineSpec]:
    """`engines.build.engine_steps`: the engine to begin with, and the better one it leads to."""
    return engine_steps(spec)


def describe(engine: Engine) -> str:
    """A line for people."""
    steps = f", {engine.spec.steps} steps" if engine.spec.steps > 1 else ""
    return f"engine: {engine.label}, {engine.spec.width}x{engine.spec.height}{steps}"
