"""Where a mask comes from: one file or folder each; its name is the choice. A path is a network."""

from __future__ import annotations

from pathlib import Path

from streamcam import plugins
from streamcam.errors import UnknownChoice, UsageError, quoted
from streamcam.mask import MaskSettings, MaskSource

_FILES = (".onnx", ".tflite")


def open_source(settings: MaskSettings) -> MaskSource:
    """The source of that name or file. Raises `UsageError`."""
    choice = settings.source
    name = "network" if Path(choice).suffix.lower() in _FILES else choice
    known = set(plugins.names(__name__)) - {"network"}
    if name != "network" and name not in known:
        raise UnknownChoice("mask.source", choice, [*known, "off", "FILE.onnx", "FILE.tflite"])
    source: MaskSource = plugins.load(__name__, name).open_source(settings)
    return source


def existing(path: Path, key: str, what: str) -> Path:
    """The file that a preset names. Raises `UsageError`, naming the key and what it should be."""
    import os

    if not os.path.isfile(path):  # noqa: PTH113  # Path.is_file raises for a name that is too long
        raise UsageError(
            f"{key} {quoted(str(path))}: there is no such file (looked for {path.absolute()}). "
            f"Give {what}."
        )
    return path
