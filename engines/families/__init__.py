"""Model families: weights, text tokens, latent shape, schedule. One file each.

A family file has

recognises(folder)         does the configuration in this model folder say so? Never its name
tokenizer_files(folder)    one for each text encoder; nothing else needs to be there
open_model(spec, folder)   the Model; reads configuration without a framework and names every
                           missing file
load(model)                the torch modules `Networks` and text encoder, float32 on the CPU
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Protocol, cast

from engines import hub
from engines.api import EngineSpec
from engines.errors import EngineError, ModelUnavailable, quoted
from engines.model import EMBEDDED, Model

if TYPE_CHECKING:
    from torch import nn

    from engines.step.frame_step import Networks


_PARTS = (
    "unet", "vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler",
)  # fmt: skip


class Family(Protocol):
    """What a file of this folder has."""

    recognises: Callable[[Path], bool]
    tokenizer_files: Callable[[Path], tuple[Path, ...]]
    open_model: Callable[[EngineSpec, Path], Model]
    load: Callable[[Model], tuple[Networks, nn.Module]]


def family_names() -> list[str]:
    """The files of engines/families."""
    return sorted(found.name for found in iter_modules(__path__))


def family(name: str) -> Family:
    """The family of that name. Raises `ModelUnavailable`."""
    if name not in family_names():
        raise ModelUnavailable(
            f"model family {quoted(name)} is unknown. Known: auto, {', '.join(family_names())}."
        )
    return cast(Family, import_module(f"engines.families.{name}"))


def open_model(spec: EngineSpec) -> Model:
    """Find a model and read its description; loads no framework for one that is on this machine.

    Downloads what is not, and turns a single file into a folder once. Raises `ModelUnavailable`.
    """
    folder = _folder(spec.model)
    return _family_of(spec, folder).open_model(spec, folder)


def tokenizer_files(spec: EngineSpec) -> tuple[Path, ...]:
    """For counting the tokens of prompts before a model is opened. Downloads nothing.

    The model's own where it is a folder on this machine that has them; else the embedded one's.
    """
    folder = _folder_here(spec.model)
    if folder is not None and folder != EMBEDDED:
        with suppress(EngineError):  # the build will say what it lacks
            return _family_of(spec, folder).tokenizer_files(folder)
    return family("nano").tokenizer_files(EMBEDDED)


def _folder_here(name: str) -> Path | None:
    """A model folder that needs no making: "nano" and "auto" are the embedded one."""
    if name in ("nano", "auto"):
        return EMBEDDED
    path = Path(name).expanduser()
    # Path.is_dir raises for a name that is too long
    return path if os.path.isdir(path) else None  # noqa: PTH112


def _folder(name: str) -> Path:
    """Where a model lies, once it is there."""
    folder = _folder_here(name)
    if folder is not None:
        return folder
    path = Path(name).expanduser()
    if os.path.isfile(path):  # noqa: PTH113
        from engines.model.single_file import as_model_folder

        return as_model_folder(path)
    if hub.looks_like_hub_id(name):
        return hub.fetch(name, parts=_PARTS)
    raise ModelUnavailable(
        f"model {quoted(name)} is no folder on this machine. Use 'nano', the embedded model, the "
        "path of a model folder in diffusers layout or of a .safetensors file, or a hub id like "
        "'stabilityai/sd-turbo'."
    )


def _family_of(spec: EngineSpec, folder: Path) -> Family:
    return family(spec.family if spec.family != "auto" else _recognised(folder))


def _recognised(folder: Path) -> str:
    found = [name for name in family_names() if family(name).recognises(folder)]
    if len(found) == 1:
        return found[0]
    which = f"more than one family ({', '.join(found)})" if found else "no known family"
    raise ModelUnavailable(
        f"model {folder}: its configuration fits {which}. State it in the preset, for example "
        f'family = "{(found or ["sd15"])[0]}". Known: {", ".join(family_names())}.'
    )
