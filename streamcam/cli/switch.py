"""`streamcam switch NAME`: another look for the program that runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streamcam.cli.curtain import say_done
from streamcam.cli.terminal import Terminal
from streamcam.errors import UsageError, quoted

if TYPE_CHECKING:
    from streamcam.web.client import Instance

To = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="WHICH",
        help="Needed if several run: a process number, a port, a preset, an output or all.",
    ),
]


def switch(
    name: Annotated[
        str,
        typer.Argument(metavar="PRESET_OR_LOOK", help="A look of the running preset, or a preset."),
    ],
    *,
    to: To = None,
) -> None:
    """Switch the running streamcam to another look, or else to another preset."""
    from streamcam.web.instances import ask_all

    if Path(name).suffix.lower() == ".toml":
        # What a page may ask of the running program stays within the folders of presets.
        from streamcam.presets import user_presets

        raise UsageError(
            f"switch takes a name, not the file {quoted(name)}: put it into {user_presets()}, "
            f"then: streamcam switch {Path(name).stem}"
        )
    terminal = Terminal(optional=True)
    targets = targets_of(to)

    def change(one: Instance) -> None:
        what, instance = _switched(one, name)
        say_done(terminal, f"{what}: {name}", instance, targets)

    failure = ask_all(targets, change)
    if failure is not None:
        raise failure


def targets_of(to: str | None) -> list[Instance]:
    """One, or all if that is asked for. Raises `UsageError`."""
    from streamcam.web.instances import ALL, addressed

    if to is not None and to.casefold() == ALL:
        return addressed(to)
    return [one_target(to, " (or --to all)")]


def one_target(to: str | None, otherwise: str = "") -> Instance:
    """The one program that is meant. Raises `UsageError`, with `otherwise` for several."""
    from streamcam.web.instances import addressed, listed

    found = addressed(to)
    if len(found) == 1:
        return found[0]
    which = "are running" if to is None else f"that run are called {quoted(to)}"
    raise UsageError(
        f"{len(found)} streamcams {which}: {listed(found)}. Say which one: --to "
        f"{found[-1].running.pid}{otherwise}."
    )


def _switched(one: Instance, name: str) -> tuple[str, Instance]:
    """ "look" or "preset", and the instance as it is then. Raises `UsageError`, `NotReached`."""
    try:
        return "look", one.send_look(name)
    except UsageError as no_look:
        try:
            return "preset", one.send_preset(name)
        except UsageError as no_preset:
            raise UsageError(f"{no_preset} And {no_look}") from no_preset
