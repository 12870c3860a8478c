"""Configuration files: a TOML file becomes a frozen model, or one line says what is wrong.

That model is pydantic's business (validation.py), which is not loaded for folders and sizes alone.
"""

from __future__ import annotations

import re
from pathlib import Path

from platformdirs import user_config_path

from engines.ranges import why_not_size
from streamcam.config.toml_file import display, read_text, read_toml

__all__ = [
    "Size",
    "check_engine_size",
    "display",
    "parse_listening",
    "parse_size",
    "read_text",
    "read_toml",
    "user_folder",
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


def parse_listening(text: str) -> tuple[str, int]:
    """Address and port of "9000" (this machine alone) or "192.168.1.5:9000".

    Raises `ValueError` that says what is expected.
    """
    host, separator, port = text.strip().rpartition(":")
    if separator and not host:
        raise ValueError("must be PORT, or ADDRESS:PORT, for example 9000.")
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65_536):
        raise ValueError("must be PORT, or ADDRESS:PORT, with a port from 1 to 65535.")
    return host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port)


def check_engine_size(size: Size) -> Size:
    """`size` if an engine can render at it, else `ValueError` naming the nearest that it can."""
    if problem := why_not_size(*size):
        raise ValueError(problem)
    return size
