"""`streamcam switch NAME`: another look for the program that runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streamcam.cli.terminal import Terminal
from streamcam.errors import UsageError


def switch(
    name: Annotated[
        str,
        typer.Argument(metavar="PRESET_OR_LOOK", help="A look of the running preset, or a preset."),
    ],
) -> None:
    """Switch the running streamcam to another look, or else to another preset."""
    from streamcam.web.client import send_look, send_preset

    say = Terminal().say
    path = Path(name).expanduser()
    if path.suffix.lower() == ".toml":
        send_preset(str(path.absolute()))  # the running program may be in another folder
        return say(f"preset: {path.stem}")
    try:
        send_look(name)
    except UsageError as no_look:
        try:
            send_preset(name)
        except UsageError as no_preset:
            if str(no_preset) == str(no_look):  # nobody runs: one reason for both
                raise
            raise UsageError(f"{no_preset} And {no_look}") from no_preset
        return say(f"preset: {name}")
    return say(f"look: {name}")
