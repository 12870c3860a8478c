"""Where presets are: a path, the user's own folder, or those that ship with the program."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import streamcam
from streamcam.config import read_toml, user_folder
from streamcam.errors import UnknownChoice, UsageError, quoted, reason
from streamcam.presets.foreign import picture

SUFFIX = ".toml"


def user_presets() -> Path:
    """The folder of the user's own presets; they go before shipped ones of the same name."""
    return user_folder() / "presets"


def shipped_presets() -> Path:
    """The folder of the shipped presets: inside the wheel, else beside the package."""
    package = Path(streamcam.__file__).parent
    inside = package / "_presets"
    return inside if inside.is_dir() else package.parent / "presets"


def preset_names() -> list[str]:
    """The names that `path_of` knows, sorted."""
    return sorted(_by_name())


def path_of(name_or_path: str | Path) -> Path:
    """The file of the preset of that name (case does not matter), or that file.

    Text that ends in ".toml" or as a picture does, or has a folder in it, is a path. Raises
    `UsageError`, and `UnknownChoice` with the nearest name.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or _is_path(text):
        path = Path(text).expanduser()
        if not os.path.isfile(path):  # noqa: PTH113  # Path.is_file raises for a long name
            known = ", ".join(preset_names())
            raise UsageError(
                f"preset file {quoted(text)} does not exist. Presets by name: {known}."
            )
        return path
    found = _by_name()
    paths = {name.casefold(): path for name, path in found.items()}
    if text.casefold() not in paths:
        raise UnknownChoice("preset", text, found)
    return paths[text.casefold()]


class Outline(NamedTuple):
    """What a list says of a preset."""

    name: str
    look_names: tuple[str, ...]
    prompt: str


def outline(name: str) -> Outline:
    """Of the preset of that name. Raises `UsageError` if it does not load.

    The shipped ones do, so they are not checked: that takes pydantic.
    """
    path = path_of(name)
    if path.parent == shipped_presets():
        table = read_toml(path)
        return Outline(path.stem, tuple(table.get("looks", {})), str(table.get("prompt", "")))
    from streamcam.presets.load import read_preset

    preset = read_preset(path)
    return Outline(preset.name, preset.look_names, preset.prompt)


def _is_path(text: str) -> bool:
    separators = {os.sep, os.altsep or os.sep}
    ends = text.lower().endswith((SUFFIX, *picture.SUFFIXES))
    return ends or any(one in text for one in separators)


def _by_name() -> dict[str, Path]:
    folders = (shipped_presets(), user_presets())
    return {path.stem: path for folder in folders for path in _files(folder)}


def _files(folder: Path) -> list[Path]:
    """Raises `UsageError`: on a disk that fails or a network that is gone."""
    try:
        return sorted(folder.glob(f"*{SUFFIX}"))
    except OSError as error:
        raise UsageError(f"the presets in {folder} cannot be listed: {reason(error)}.") from error
