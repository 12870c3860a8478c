"""Which engine a preset gets under the flags of a run, also as things stand; and a line of it."""

from __future__ import annotations

from dataclasses import replace

from engines.api import Batching, Engine, EngineSpec
from engines.errors import EngineError, InvalidPrompt, InvalidSpec, quoted
from engines.recipe import Recipe
from streamcam.errors import UsageError
from streamcam.frames.geometry import fills
from streamcam.options import Options
from streamcam.presets import Preset
from streamcam.provision.prompts import with_room
from streamcam.provision.rate import Adjustable
from streamcam.provision.repair import Repair
from streamcam.provision.shape import AutomaticSize


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
    live = preset.live_loras
    spec = EngineSpec(
        model=options.model or preset.model,
        family=preset.family,
        autoencoder=preset.autoencoder,
        loras=tuple((name, preset.loras[name]) for name in preset.loras if name not in live),
        live_loras=tuple(live),
        steps=preset.steps,
        guidance_mode=preset.guidance_mode,
        batching=batching if preset.batching == "auto" else preset.batching,
        precision=preset.precision,
        backend=options.backend or preset.backend,
        execution=preset.execution,
        device=options.device or "auto",
        half_accumulation=preset.half_accumulation,
    )
    if options.engine is not None:
        if live:
            raise InvalidSpec(
                f"live LoRAs ({', '.join(map(quoted, live))}) cannot be played on an engine "
                "elsewhere. Name them in fused_loras."
            )
        spec = _stand_in(spec, options)
    chosen = options.size or preset.size or size
    return with_room(replace(spec, width=chosen[0], height=chosen[1]) if chosen else spec, preset)


def _stand_in(spec: EngineSpec, options: Options) -> EngineSpec:
    """The embedded model, for an engine elsewhere: that has the preset's own, and each of its
    pictures shows the frame that was sent."""
    spec = replace(spec, batching="sequential")
    if options.model:
        return spec
    backend = options.backend or "auto"
    own = replace(spec, model="nano", family="auto", autoencoder="auto", loras=())
    return replace(own, precision="auto", backend=backend, execution="auto")


def same_but_size(spec: EngineSpec, other: EngineSpec) -> bool:
    """The two differ in their size at most: what one shows, with its prompts, the other can."""
    return replace(spec, width=other.width, height=other.height) == other


def describe(engine: Engine) -> str:
    """A line for people."""
    steps = f", {engine.spec.steps} steps" if engine.spec.steps > 1 else ""
    return f"engine: {engine.label}, {engine.spec.width}x{engine.spec.height}{steps}"


class Specs:
    """Not thread-safe, but `of`, which may be called from any thread.

    automatic  what "auto" stands for in the sizes of presets to come
    """

    def __init__(self, options: Options, running: EngineSpec, repair: Repair) -> None:
        """`running`: the first engine's own spec."""
        self.automatic = AutomaticSize((running.width, running.height))
        self._options = options
        self._batching = running.batching
        self._repair = repair

    def of(self, preset: Preset) -> EngineSpec:
        """With what has failed in this run replaced by what works. Raises `UsageError`."""
        try:
            spec = spec_for(preset, self._options, self.automatic.size, self._batching)
        except InvalidPrompt as error:
            raise UsageError(str(error)) from error
        except EngineError as error:
            raise UsageError(f"preset {preset.name}: {error}") from error
        return self._repair.instead(spec)

    def of_shape(self, aspect: float, preset: Preset, recipe: Recipe) -> Recipe:
        """`recipe` for a picture that has another width / height now. As it is if it has that
        shape, also where its size was chosen for the rate and is still being built, and if the
        size of `preset` is not the program's choice."""
        self.automatic.follow(aspect)
        if not self.has_automatic_size(preset):
            return recipe
        if fills((recipe.spec.width, recipe.spec.height), aspect):
            return recipe
        return recipe.at(*self.automatic.size)

    def adjustable(self, preset: Preset, running: EngineSpec) -> Adjustable | None:
        """The running engine, if its size for `preset` is the program's choice."""
        if not self.has_automatic_size(preset):
            return None
        return Adjustable(running, self.automatic.aspect)

    def has_automatic_size(self, preset: Preset) -> bool:
        """Whether the program chooses it."""
        return not (self._options.size or preset.size)
