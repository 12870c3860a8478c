"""The first engine of a run, in the size and the way that hold the wanted rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from engines.api import Engine
from engines.recipe import Recipe
from streamcam.options import Options
from streamcam.provision.batching import build_batched
from streamcam.provision.size import candidates, default_size
from streamcam.provision.size.beside import beside_seconds
from streamcam.provision.size.fitting import build_fitting, build_ready
from streamcam.provision.spec import describe, spec_for


@dataclass(frozen=True, slots=True, eq=False)
class Provided:
    """An engine, what it was built of, with what was chosen for it, and a line for people."""

    engine: Engine
    recipe: Recipe
    line: str


def open_engine(
    options: Options,
    aspect: Callable[[], float],
    build: Callable[[Recipe], Engine] = Recipe.build,
) -> Provided:
    """The first engine of a run. Raises `EngineError`.

    `aspect`, the width / height that an automatic size should have, is only called if it is one.
    Live, that size holds the wanted rate; for a file it is the default one. Live and with automatic
    batching, several steps run in the way that shows a picture earlier. `build` makes one engine.
    """
    preset, fps = options.preset, options.format.fps
    recipe = Recipe(spec_for(preset, options))
    beside = beside_seconds(options)
    automatic = not (options.size or preset.size)
    if automatic and options.realtime:
        shape = aspect()
        ready = recipe.ready_sizes(candidates(shape))
        engine, size = build_ready(build, recipe, ready, fps, beside) or build_fitting(
            build, recipe, fps, shape, beside
        )
        recipe = recipe.at(size.width, size.height)
        line = f"engine: {engine.label}, {size.reason}"
    else:
        recipe = recipe.at(*default_size(aspect())) if automatic else recipe
        engine = build(recipe)
        line = describe(engine)
    if preset.batching == "auto" and options.realtime:
        engine, batching = build_batched(build, engine, recipe, fps, beside)
        recipe = recipe.with_spec(replace(recipe.spec, batching=engine.spec.batching))
        line += f"; {batching.reason}" if batching else ""
    return Provided(engine, recipe, line)
