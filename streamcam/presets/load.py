"""A preset by its name or from its file, read and checked; also from a picture that another program
made."""

from __future__ import annotations

from pathlib import Path

from streamcam.config import read_toml
from streamcam.presets.find import path_of
from streamcam.presets.foreign import picture
from streamcam.presets.model import Preset


def load_preset(name_or_path: str | Path) -> Preset:
    """The preset of that name, or in that file: see `path_of`.

    Raises `UsageError` naming file, key and value, and `UnknownChoice` with the nearest name.
    """
    return read_preset(path_of(name_or_path))


def read_preset(path: Path) -> Preset:
    """The preset in a file. Raises `UsageError` naming file, key and value."""
    if path.suffix.lower() in picture.SUFFIXES:
        look = picture.read_picture(path)
        return Preset.from_table(look.table, path, look.left_out)
    return Preset.from_table(read_toml(path), path)
