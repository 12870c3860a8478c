"""`streamcam curtain NAME`: cover the picture of the programs that run, or show it again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from streamcam.cli.terminal import Terminal

if TYPE_CHECKING:
    from streamcam.web.client import Instance


To = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="WHICH",
        help="If several run, those meant: a process number, a port, a preset, an output or all. "
        "Without it: all of them.",
    ),
]


def curtain(
    name: Annotated[
        str,
        typer.Argument(
            metavar="freeze|card|off|live",
            help="The last picture stays; a card; black; the picture again.",
        ),
    ],
    *,
    to: To = None,
) -> None:
    """Cover the running streamcam's picture at once, or show it again: freeze, card, off, live.

    Ends with 1 if one that runs was not reached.
    """
    from streamcam.web.client import NotReached
    from streamcam.web.instances import addressed, ask_all

    terminal = Terminal(optional=True)
    targets = addressed(to)

    def draw(one: Instance) -> None:
        say_done(terminal, f"curtain: {name}", one.send_curtain(name), targets)

    failure = ask_all(targets, draw)
    if isinstance(failure, NotReached):
        raise NotReached(f"{failure} What that shows may be as it was.")
    if failure is not None:
        raise failure


def say_done(
    terminal: Terminal, what: str, instance: Instance, targets: Sequence[Instance]
) -> None:
    """What has changed, and of several programs in which."""
    terminal.say(f"{what} at {instance}" if len(targets) > 1 else what)
