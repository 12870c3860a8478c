"""The parts that a preset asks for under the flags of a run: engine, gate, chain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from engines.api import Embedding, Engine, EngineSpec
from engines.build import build
from engines.errors import InvalidPrompt
from streamcam.config import display
from streamcam.gate import open_gate
from streamcam.infer.params import encoded
from streamcam.infer.size import build_fitting
from streamcam.infer.worker import OpenGate
from streamcam.pipeline.options import Options
from streamcam.post.chain import Chain
from streamcam.presets import Preset


def spec_for(preset: Preset, options: Options, size: tuple[int, int] | None = None) -> EngineSpec:
    """The engine for a preset; `size` is what "auto" stands for. Raises `InvalidSpec`."""
    spec = EngineSpec(
        model=options.model or preset.model,
        steps=preset.steps,
        guidance_mode=preset.guidance_mode,
        precision=preset.precision,
        backend=options.backend or preset.backend,
    )
    chosen = options.size or preset.size or size
    return replace(spec, width=chosen[0], height=chosen[1]) if chosen else spec


def build_engine(spec: EngineSpec) -> Engine:
    """`engines.build.build`: the one place of the app that calls it."""
    return build(spec)


def open_engine(
    options: Options,
    aspect: Callable[[], float],
    build_one: Callable[[EngineSpec], Engine] = build_engine,
) -> tuple[Engine, str]:
    """The first engine of a run, and a line about it. Raises `EngineError`.

    Live and with an automatic size it holds the wanted rate; `aspect`, the width / height that
    such a size should have, is only called then. `build_one` makes one engine.
    """
    spec = spec_for(options.preset, options)
    if options.size or options.preset.size or not options.realtime:
        engine = build_one(spec)
        return engine, describe(engine)
    engine, choice = build_fitting(build_one, spec, options.format.fps, aspect())
    return engine, f"engine: {engine.label}, {choice.reason}"


def describe(engine: Engine) -> str:
    """A line for people."""
    steps = f", {engine.spec.steps} steps" if engine.spec.steps > 1 else ""
    return f"engine: {engine.label}, {engine.spec.width}x{engine.spec.height}{steps}"


def encode_looks(preset: Preset, encode: Callable[[str], Embedding]) -> None:
    """Let an engine encode every look of `preset`, a millisecond each: it then has them at hand.

    Raises `InvalidPrompt` naming file and look, for one that nobody has chosen yet as well.
    """
    for name in (preset.name, *preset.look_names):
        try:
            encoded(preset.look(name), encode)
        except InvalidPrompt as error:
            where = display(preset.path) if preset.path else f"preset {preset.name}"
            look = "" if name == preset.name else f"looks.{name}: "
            raise InvalidPrompt(f"{where}: {look}{error}") from error


def gate_opener(preset: Preset, options: Options) -> OpenGate:
    """The gate that the preset wants; for a file, where every frame counts, "always"."""
    policy = preset.gate.policy if options.realtime else "always"
    return partial(open_gate, policy, preset.gate)


def chain_for(preset: Preset, options: Options) -> Chain:
    """From pictures of any engine to the outputs, whose size stays that of the start."""
    form = options.format
    return Chain((form.width, form.height), fit=preset.output.fit, mirror=preset.output.mirror)
