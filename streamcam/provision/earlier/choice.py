"""Choice: what was chosen for runs like this one, so that the next start measures nothing.

A JSON file in the user's cache for each kind of run, named by the key of all that it depends on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from typing import cast, get_args

from engines.api import Batching, Engine, EngineSpec
from engines.artifacts import cache_folder, evict, key_of, writing
from engines.errors import EngineError, reason
from engines.ranges import why_not_size
from engines.recipe import Recipe
from streamcam import __version__, capture, sink
from streamcam.errors import StreamcamError
from streamcam.options import Options
from streamcam.provision.build import Provided
from streamcam.provision.earlier.machine import machine
from streamcam.provision.size import candidates
from streamcam.provision.spec import describe

_KIND = "choices"  # of artifact
_FORMAT = 2
_LIMIT = 64 * 1024  # bytes that are kept: some hundred choices
_LONGEST = 300  # characters of a reason


class Remembered:
    """For a live run on a processor. Used by one thread at a time."""

    def __init__(
        self, options: Options, spec: EngineSpec, aspect: float, say: Callable[[str], None]
    ) -> None:
        """
        spec    of the engine, with its size and batching as they are without a choice
        aspect  width / height that the engine's picture should have
        say     told, once, of a file that cannot be read
        """
        self._spec, self._aspect = spec, aspect
        self._chosen_size = not (options.size or options.preset.size)
        self._chosen_batching = options.preset.batching == "auto" and spec.steps > 1
        self._place = cache_folder(_KIND) / f"{key_of(_parts(options, spec, aspect))}.json"
        self._say = say
        self._found: Mapping[str, object] | None = None

    def open(self, build: Callable[[Recipe], Engine]) -> Provided | None:
        """The engine that was chosen before, or None if none is remembered, or none that can be
        built now: then one is to be chosen. Raises what is no `EngineError`."""
        choice = self._found = self._read()
        if choice is None:
            return None
        width, height = cast("tuple[int, int]", choice["size"])
        spec = replace(self._spec, batching=cast("Batching", choice["batching"]))
        recipe = Recipe(spec).at(width, height)
        try:
            engine = build(recipe)
        except EngineError:
            self._found = None
            return None
        chosen = self._chosen_size or self._chosen_batching
        line = f"engine: {engine.label}, {choice['reason']} (remembered from an earlier start)"
        return Provided(engine, recipe, line if chosen else describe(engine))

    def keep(self, provided: Provided) -> None:
        """For the next start, unless it is what was found, or runs elsewhere than on the processor.
        Nothing where that cannot be written."""
        if self._found is not None:
            with suppress(OSError):
                os.utime(self._place)  # those not used for longest go first
            return
        engine = provided.engine
        if engine.spec.device.lower() == "cpu":
            self._write(engine.spec, provided.line.removeprefix(f"engine: {engine.label}, "))

    def settle(self, spec: EngineSpec) -> None:
        """The run has ended with another size, for the rate: the next one begins with it. Nothing
        if that is for a picture of another shape."""
        on_offer = (spec.width, spec.height) in candidates(self._aspect)
        if on_offer and spec.device.lower() == "cpu":
            self._write(spec, f"{spec.width}x{spec.height}: what held the rate")

    def _write(self, spec: EngineSpec, reason: str) -> None:
        content = {
            "size": [spec.width, spec.height],
            "batching": spec.batching,
            "reason": reason[:_LONGEST],
        }
        with suppress(OSError):
            with writing(self._place) as unfinished:
                text = json.dumps({**content, "check": _check(content)}, indent=1)
                unfinished.write_text(text + "\n", "utf-8")
            evict(_KIND, _LIMIT, [self._place])

    def _read(self) -> Mapping[str, object] | None:
        try:
            content = json.loads(self._place.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            problem: str | None = reason(error)
        else:
            problem = self._why_not(content)
            if problem is None:
                return cast("Mapping[str, object]", content)
        self._say(
            f"engine: what was chosen at an earlier start cannot be read and is chosen anew "
            f"({self._place}: {problem})"
        )
        return None

    def _why_not(self, content: object) -> str | None:
        """What is wrong with what a file holds; None if nothing is."""
        if not isinstance(content, dict):
            return "it holds no table"
        if content.pop("check", None) != _check(content):
            return "it is damaged"
        try:
            (width, height), batching = content["size"], content["batching"]
            wrong = why_not_size(width, height)
            fits = batching in get_args(Batching) and isinstance(content["reason"], str)
        except (KeyError, TypeError, ValueError):
            fits, wrong = False, None
        return wrong or (None if fits else "it is of another version")


def _check(content: Mapping[str, object]) -> str:
    return key_of(content)


def _parts(options: Options, spec: EngineSpec, aspect: float) -> dict[str, object]:
    """Everything that a choice depends on: what is asked for, what takes the processor beside the
    engine, the program and the machine."""
    preset, form = options.preset, options.format
    return {
        "format": _FORMAT,
        "version": __version__,
        "spec": asdict(spec),
        "automatic": [not (options.size or preset.size), preset.batching],
        "aspect": round(aspect, 3),
        "source": _kind(capture.parse, options.source),
        "outputs": sorted({_kind(sink.parse, output) for output in options.outputs}),
        "page": options.web,
        "form": [form.width, form.height, form.fps],
        "shown": [preset.resolve.mode, preset.output.fit, preset.mask.source],
        "machine": machine(),
    }


def _kind(parse: Callable[[str], tuple[str, str]], name: str) -> str:
    """Of a source or an output; the name itself where a program brings its own."""
    try:
        return parse(name)[0]
    except StreamcamError:
        return name
