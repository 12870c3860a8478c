"""The prompts of a preset: how much room they need in an engine, and that it can read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from engines.api import Embedding, EngineSpec
from engines.errors import EngineError, InvalidPrompt
from engines.families import tokenizer_files
from engines.prompts.syntax import parse
from engines.prompts.tokens import chunks_needed
from streamcam.config import display
from streamcam.errors import UsageError
from streamcam.looks.look import Look
from streamcam.looks.params import ParamsBox, encoded
from streamcam.presets import Preset


def with_room(spec: EngineSpec, preset: Preset) -> EngineSpec:
    """`spec` with the `prompt_chunks` that the longest prompt of `preset` needs, in any look.

    Opens no model and downloads nothing. A model that is not on this machine as a folder has its
    prompts counted by the embedded tokenizer, which knows fewer words and so counts more. Raises
    `EngineError`: `InvalidPrompt` naming file and look.
    """
    files = None if spec.backend == "null" else tokenizer_files(spec)
    most = 1
    for look in _looks(preset):
        for text, negative in ((look.prompt, False), (look.negative_prompt, True)):
            with _named(preset, look, negative=negative):
                if files is None:
                    parse(text)
                else:
                    most = max(most, chunks_needed(files, (text,)))
    return replace(spec, prompt_chunks=most)


def encode_looks(preset: Preset, encode: Callable[[str], Embedding]) -> None:
    """Let an engine encode every look of `preset`, a millisecond each: it then has them at hand.

    Raises `InvalidPrompt` naming file and look, also for a look that was not chosen yet.
    """
    for look in _looks(preset):
        with _named(preset, look):
            encoded(look, encode)


def read_looks(preset: Preset, encode: Callable[[str], Embedding]) -> None:
    """`encode_looks` for a preset that a user has just saved or chosen. Raises `UsageError`."""
    try:
        encode_looks(preset, encode)
    except EngineError as error:
        raise UsageError(str(error)) from error


def show_look(box: ParamsBox, preset: Preset, name: str | None) -> None:
    """Cross over to a look of `preset` in `box`; None: what the preset itself shows.

    Raises `UsageError`.
    """
    wanted = preset.showing(name)
    try:
        box.set(wanted)
    except EngineError as error:
        raise UsageError(f"look {name or preset.name}: {error}") from error


def params_for(preset: Preset, look: str | None, encode: Callable[[str], Embedding]) -> ParamsBox:
    """What shows a look of `preset`, or its own one, on another engine. Raises `EngineError`."""
    encode_looks(preset, encode)
    return ParamsBox(encode, preset.showing(look))


def kept_look(preset: Preset, before: Preset, shown: str, *, chosen: bool) -> str | None:
    """The look to show of a preset: `shown`, if that is a look of it as well and `preset` is an
    edit of the one `before`, unless a schedule is to begin. `chosen`: the user chose that look."""
    stays = preset.schedule is None or chosen
    edited = preset.name == before.name
    return shown if stays and edited and shown in preset.look_names else None


def _looks(preset: Preset) -> list[Look]:
    return [preset.look(name) for name in (preset.name, *preset.look_names)]


@contextmanager
def _named(preset: Preset, look: Look, *, negative: bool = False) -> Iterator[None]:
    """What is wrong with a prompt says where that stands: it begins with "prompt"."""
    try:
        yield
    except InvalidPrompt as error:
        where = display(preset.path) if preset.path else f"preset {preset.name}"
        within = "" if look.name == preset.name else f"looks.{look.name}: "
        key = "negative_" if negative else ""
        raise InvalidPrompt(f"{where}: {within}{key}{error}") from error
