"""Random models: `--model NAME-random` stands for that architecture with random weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from engines.artifacts import cache_folder
from engines.bench.random_model import SD_TURBO, SDXS, random_model
from streamcam.options import Options

RANDOM_MODELS = {"sd-turbo-random": SD_TURBO, "sdxs-random": SDXS}


def with_random_model(options: Options, say: Callable[[str], None]) -> Options:
    """The options with the folder of a random model in place of its name; it is written once.

    Its pictures show nothing of a prompt, but a frame costs what it costs with true weights.
    Raises `EngineError`.
    """
    name = options.model or ""
    if name not in RANDOM_MODELS:
        return options
    folder = random_model(name, RANDOM_MODELS[name], cache_folder("models"), say)
    return replace(options, model=str(folder))
