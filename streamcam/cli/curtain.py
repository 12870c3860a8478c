"""`streamcam curtain NAME`: cover the picture of the program that runs, or show it again."""

from __future__ import annotations

from typing import Annotated

import typer

from streamcam.cli.terminal import Terminal


def curtain(
    name: Annotated[
        str,
        typer.Argument(
            metavar="freeze|card|off|live",
            help="The last picture stays; a card; black; the picture again.",
        ),
    ],
) -> None:
    """Cover the running streamcam's picture at once, or show it again: freeze, card, off, live."""
    from streamcam.web.client import send_curtain

    send_curtain(name)
    Terminal().say(f"curtain: {name}")
