"""`streamcam save NAME`: what plays now becomes a preset of yours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from streamcam.cli.curtain import say_done
from streamcam.cli.switch import To, targets_of
from streamcam.cli.terminal import Terminal

if TYPE_CHECKING:
    from streamcam.web.client import Instance


def save(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Of the preset; the one that plays, or another.")
    ],
    *,
    to: To = None,
) -> None:
    """Write what the running streamcam plays now as a preset; comments of a file there stay."""
    from streamcam.web.instances import ask_all

    terminal = Terminal(optional=True)
    targets = targets_of(to)

    def write(one: Instance) -> None:
        say_done(terminal, f"saved: {one.save(name)}", one, targets)

    failure = ask_all(targets, write)
    if failure is not None:
        raise failure
