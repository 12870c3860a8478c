"""`streamcam get [KEY]`: the values of the program that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from streamcam.cli.set import shown
from streamcam.cli.switch import To, targets_of
from streamcam.cli.terminal import Terminal
from streamcam.errors import UnknownChoice

if TYPE_CHECKING:
    from streamcam.web.client import Instance


def get(
    key: Annotated[
        str | None, typer.Argument(metavar="[KEY]", help="One of them; without it, all.")
    ] = None,
    *,
    to: To = None,
) -> None:
    """Show the values that can be changed while the running streamcam plays."""
    from streamcam.web.instances import ask_all

    terminal = Terminal()
    targets = targets_of(to)

    def show(one: Instance) -> None:
        found = one.values()
        if key is None:
            title = f"Values of {one} (streamcam set KEY VALUE)"
            terminal.table(title, ("key", "value", "may be"), _rows(found))
        elif key in found:
            terminal.text(shown(found[key]))
        else:
            raise UnknownChoice("value", key, found)

    failure = ask_all(targets, show)
    if failure is not None:
        raise failure


def _rows(found: dict[str, object]) -> list[tuple[str, str, str]]:
    from streamcam.config.validation import allowed
    from streamcam.control.values import values

    known = values()
    return [
        (key, shown(value), allowed(known[key].type.json_schema()) if key in known else "")
        for key, value in found.items()
    ]
