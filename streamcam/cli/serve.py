"""`streamcam serve`: this machine's engine for the cameras of others."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streamcam.cli.flags import Backend, Device, EngineSize, Model, Port, Preset
from streamcam.cli.run.signals import StopSignals
from streamcam.cli.terminal import Terminal
from streamcam.errors import StreamcamError, UnknownChoice, UsageError

if TYPE_CHECKING:
    from streamcam.serve.settings import Settings

_ACTIONS = ("run", "status")
_POLL_SECONDS = 0.25  # seconds between looks at signals

Action = Annotated[
    str, typer.Argument(metavar="[status]", help="status: what the servers of this machine do.")
]


Listen = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="An address of this machine, for others on its network."),
]


Replicas = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, max=10_000, help="How many, each with a device of its own."),
]


Config = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="All of it as TOML, also for a cluster: see the README."),
]


def serve(  # noqa: PLR0913  # one parameter a flag, as typer wants it
    action: Action = "run",
    *,
    preset: Preset = None,
    size: EngineSize = None,
    model: Model = None,
    backend: Backend = None,
    device: Device = None,
    listen: Listen = None,
    port: Port = None,
    replicas: Replicas = None,
    config: Config = None,
) -> None:
    """Restyle the pictures of other machines: there, streamcam --engine ws://ADDRESS:8738.

    Runs on Ray Serve until Ctrl-C.
    """
    if action not in _ACTIONS:
        raise UnknownChoice("action", action, _ACTIONS)
    from streamcam.serve.cluster import check_library

    if action == "status":
        _status()
        return
    check_library()
    flags = {
        "preset": preset,
        "size": size,
        "model": model,
        "backend": backend,
        "device": device,
        "listen": listen,
        "port": port,
        "replicas": replicas,
    }
    _serve(_settings({key: value for key, value in flags.items() if value is not None}, config))


def _settings(flags: dict[str, Any], config: Path | None) -> Settings:
    from streamcam.presets import load_preset
    from streamcam.remote.address import TOKEN_VARIABLE, is_loopback
    from streamcam.serve.settings import Settings, read_settings
    from streamcam.web.listening import check_address

    said = read_settings(config).model_dump() if config else {}
    listen = flags.get("listen")
    if listen is not None and not is_loopback(listen):
        check_address(listen)
    token = os.environ.get(TOKEN_VARIABLE) or secrets.token_urlsafe(24)
    if len(token) < 16 or not (token.isascii() and token.isprintable()):
        raise UsageError(f"{TOKEN_VARIABLE} must be 16 characters of ASCII or more.")
    settings = Settings.model_validate(said | flags | {"token": token})
    load_preset(settings.preset)
    return settings


def _serve(settings: Settings) -> None:
    from streamcam.remote.published import published
    from streamcam.serve.cluster import Served

    terminal = Terminal(optional=True)
    terminal.say(f"preset: {settings.preset}; starting Ray, which takes half a minute")
    token = settings.token.get_secret_value()
    with StopSignals() as signals, published(settings.listen, settings.port, token):
        signals.running()
        served = Served(settings, terminal.say)
        try:
            while not (served.opened.done() or signals.requested.wait(_POLL_SECONDS)):
                pass
            if served.opened.done():
                served.opened.result()
                _tell(settings, terminal)
            while not signals.requested.wait(_POLL_SECONDS):
                pass
            terminal.say("stopping")
        finally:
            served.close()


def _tell(settings: Settings, terminal: Terminal) -> None:
    """How a laptop comes here."""
    from streamcam.remote.address import TOKEN_VARIABLE
    from streamcam.serve.cluster import status

    token = settings.token.get_secret_value()
    terminal.say(_described(status(settings.listen, settings.port, token)))
    url = f"ws://{settings.listen}:{settings.port}"
    terminal.say(f"laptops: {TOKEN_VARIABLE}={token} streamcam --engine {url}")


def _status() -> None:
    from streamcam.remote.published import found_at, ports
    from streamcam.serve.cluster import status

    terminal = Terminal()
    answered = False
    for port in ports():
        address, token = found_at(port)
        try:
            terminal.say(f"{address}:{port}: {_described(status(address, port, token))}")
        except StreamcamError as error:
            terminal.say(str(error))
        else:
            answered = True
    if not answered:
        raise UsageError("no streamcam serve runs here; start one: streamcam serve.")


def _described(found: dict[str, Any]) -> str:
    seats = f"{found['sessions']} of {found['seats']} seats taken"
    rate = f"{found['frames_per_second']:g} frames a second"
    failure = f"; {found['failure']}" if found["failure"] else ""
    return f"engine: {found['engine']}, {found['size']}, {rate}, {seats}{failure}"
