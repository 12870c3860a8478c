"""`streamcam obs`: OBS gets the picture, its scenes choose the look, its sound fits."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Annotated

import typer

from streamcam.cli.switch import To, one_target
from streamcam.cli.terminal import Terminal
from streamcam.errors import StreamcamError, UnknownChoice, UsageError

if TYPE_CHECKING:
    from streamcam.obs.following import Wishes
    from streamcam.web.client import Instance

_ACTIONS = ("follow", "check")


def _milliseconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = nan
    if not 0 <= value <= 1000:
        raise UsageError(f"--camera-delay {text} is not allowed: must be 0 to 1000 milliseconds.")
    return value


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65_536):
        raise UsageError(f"--port {text} is not allowed: must be a whole number from 1 to 65535.")
    return int(text)


Action = Annotated[
    str,
    typer.Argument(
        metavar="[check]", help="check: say what is set wrong in OBS, and change nothing."
    ),
]


Way = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="virtualcam|media|browser",
        help="How OBS gets the picture. Without it: what it has, or the best of these.",
    ),
]


Microphone = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="An input of OBS whose sound waits for the picture (may be given several times), or "
        "none. Without it: all microphones.",
    ),
]


CameraDelay = Annotated[
    float,
    typer.Option(
        metavar="MS", parser=_milliseconds, help="Your camera's own delay, for the sound."
    ),
]


Port = Annotated[
    int | None,
    typer.Option(
        metavar="PORT", parser=_port, help="Of OBS's WebSocket server, if OBS has it elsewhere."
    ),
]


def obs(
    action: Action = "follow",
    *,
    to: To = None,
    way: Way = None,
    microphone: Microphone = None,
    camera_delay: CameraDelay = 0.0,
    port: Port = None,
) -> None:
    """Give OBS the picture, follow its scenes, and set its microphones as late as the picture.

    Runs beside streamcam until Ctrl-C, and then sets the microphones as they were.
    """
    from streamcam.obs.connection import check_library
    from streamcam.obs.following import Wishes
    from streamcam.obs.source import ways

    if action not in _ACTIONS:
        raise UnknownChoice("action", action, _ACTIONS)
    ways(way)
    names = tuple(microphone or ())
    silent = names == ("none",)
    wishes = Wishes(way, not silent, () if silent else names, camera_delay, port)
    check_library()
    instance = one_target(to)
    if action == "check":
        _check(instance, wishes)
    else:
        _follow(instance, wishes)


def _follow(instance: Instance, wishes: Wishes) -> None:
    import asyncio

    from streamcam.cli.run.signals import StopSignals
    from streamcam.obs.following import Following

    terminal = Terminal(optional=True)
    with StopSignals() as signals:
        signals.running()
        following = Following(instance, wishes, terminal.say, signals.requested.is_set)
        asyncio.run(following.run())


def _check(instance: Instance, wishes: Wishes) -> None:
    import asyncio

    if not asyncio.run(_checked(instance, wishes)):
        raise typer.Exit(1)


async def _checked(instance: Instance, wishes: Wishes) -> bool:
    """Whether all is well."""
    from streamcam.obs.check import check
    from streamcam.obs.finding import connect
    from streamcam.obs.program import read
    from streamcam.obs.server import find_obs
    from streamcam.obstacles import Obstacle
    from streamcam.web.instances import instances

    terminal = Terminal()
    shown = read(instance)
    try:
        obs = await connect(find_obs(wishes.port))
    except StreamcamError as error:
        terminal.say(f"✗ OBS: {error}")
        return False
    well = True
    try:
        taken = [one.running.port for one in instances()]
        async for found in check(obs, wishes.way, shown, taken, wishes.camera_ms):
            wrong = isinstance(found, Obstacle)
            well = well and not wrong
            terminal.say(f"{'!' if wrong else '✓'} {found}")
    finally:
        await obs.close()
    return well
