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

    if Path(name).suffix.lower() == ".toml":
        # What a page may ask of the running program stays within the folders of presets.
        from streamcam.presets import user_presets

        raise UsageError(
            f"switch takes a name, not the file {name!r}: put it into {user_presets()}, then: "
            f"streamcam switch {Path(name).stem}"
        )
    try:
        send_look(name)
    except UsageError as no_look:
        try:
            send_preset(name)
        except UsageError as no_preset:
            if str(no_preset) == str(no_look):  # nobody runs: one reason for both
                raise
            raise UsageError(f"{no_preset} And {no_look}") from no_preset
        return Terminal().say(f"preset: {name}")
    return Terminal().say(f"look: {name}")
