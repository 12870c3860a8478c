"""Configuration files: a TOML file becomes a frozen model, or one line says what is wrong."""

from __future__ import annotations

import re
from pathlib import Path

from platformdirs import user_config_path

from engines.api import SIZE_MAX, SIZE_MIN, SIZE_STEP
from streamcam.config.toml_file import display, read_toml
from streamcam.config.validation import allowed, validate

__all__ = [
    "Size",
    "allowed",
    "check_engine_size",
    "display",
    "parse_size",
    "read_toml",
    "user_folder",
    "validate",
]

Size = tuple[int, int]


def user_folder() -> Path:
    """Where the user's own configuration lives. Need not exist."""
    return user_config_path("streamcam", appauthor=False)


def parse_size(text: str) -> Size:
    """(width, height) of "1280x720". Raises `ValueError` that says what is expected."""
    match = re.fullmatch(r"([1-9]\d{0,4})\s*[xX×]\s*([1-9]\d{0,4})", text.strip(), re.ASCII)
    if match is None:
        raise ValueError("must be WIDTHxHEIGHT in pixels, for example 448x256.")
    return int(match[1]), int(match[2])


def check_engine_size(size: Size) -> Size:
    """`size` if an engine can render at it, else `ValueError` naming the nearest that it can."""
    for name, value in zip(("width", "height"), size, strict=True):
        if value % SIZE_STEP or not SIZE_MIN <= value <= SIZE_MAX:
            near = min(max(round(value / SIZE_STEP) * SIZE_STEP, SIZE_MIN), SIZE_MAX)
            raise ValueError(
                f"{name} {value} must be a multiple of {SIZE_STEP} from {SIZE_MIN} to "
                f"{SIZE_MAX}, for example {near}."
            )
    return size
