"""`streamcam set KEY VALUE`: a value of the program that runs, at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from streamcam.cli.curtain import say_done
from streamcam.cli.switch import To, targets_of
from streamcam.cli.terminal import Terminal

if TYPE_CHECKING:
    from streamcam.web.client import Instance


def set_value(
    key: Annotated[
        str,
        typer.Argument(metavar="KEY", help="As in a preset: strength, gate.threshold."),
    ],
    value: Annotated[
        str, typer.Argument(metavar="VALUE", help="A number, words in quotes, on or off.")
    ],
    *,
    to: To = None,
) -> None:
    """Change a value of the look that plays, until another look comes; a file is not touched.

    Lists of what there is: streamcam get.
    """
    from streamcam.control.fitting import typed
    from streamcam.control.values import value_of
    from streamcam.web.instances import ask_all

    wanted = value_of(key)
    found = wanted.checked(typed(wanted, value))  # nothing is asked for that no program can do
    terminal = Terminal(optional=True)
    targets = targets_of(to)

    def change(one: Instance) -> None:
        now = one.change_values({key: found})
        say_done(terminal, f"{key}: {shown(now.get(key, found))}", one, targets)

    failure = ask_all(targets, change)
    if failure is not None:
        raise failure


def shown(value: object) -> str:
    """As it could be typed."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
