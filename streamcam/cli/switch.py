"""`streamcam switch NAME`: another look for the program that runs."""

from __future__ import annotations

from typing import Annotated

import typer


def switch(
    name: Annotated[
        str,
        typer.Argument(metavar="PRESET_OR_LOOK", help="A look of the running preset, or a preset."),
    ],
) -> None:
    """Switch the running streamcam to another look or preset."""
