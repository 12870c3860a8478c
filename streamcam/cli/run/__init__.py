"""`streamcam --preset anime`: the flags of a run. Everything else is a preset's business."""

from __future__ import annotations

from typing import Annotated

import typer

from streamcam import __version__
from streamcam.cli.flags import (
    Audio,
    Backend,
    Device,
    Duration,
    Engine,
    EngineSize,
    Fps,
    Listen,
    Midi,
    Model,
    NoWeb,
    Osc,
    Output,
    Port,
    Preset,
    Realtime,
    Source,
    engine_size,
)
from streamcam.cli.run.signals import StopSignals
from streamcam.cli.terminal import Terminal
from streamcam.errors import UsageError

_DEFAULT_PRESET = "anime"


def _print_version(wanted: bool) -> None:  # noqa: FBT001  # as typer calls it
    if wanted:
        Terminal().text(f"streamcam {__version__}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option(
        "--version", is_eager=True, callback=_print_version, help="Show the version and exit."
    ),
]


def run(  # noqa: PLR0913  # one parameter a flag, as typer wants it; a test freezes the list
    context: typer.Context,
    *,
    preset: Preset = None,
    source: Source = None,
    output: Output = None,
    size: EngineSize = None,
    fps: Fps = None,
    model: Model = None,
    backend: Backend = None,
    device: Device = None,
    engine: Engine = None,
    port: Port = None,
    listen: Listen = None,
    no_web: NoWeb = False,
    osc: Osc = None,
    midi: Midi = None,
    audio: Audio = None,
    duration: Duration = None,
    realtime: Realtime = "on",
    version: Version = False,
) -> None:
    """Restyle your camera or screen live, into a virtual camera for OBS, Zoom and Discord.

    Start with:  streamcam --preset anime
    """
    if _is_meant(context):
        from streamcam.cli.run.session import Request, run_request

        run_request(
            Request(
                preset=preset or _DEFAULT_PRESET,
                sources=tuple(source or ()),
                outputs=tuple(output or ()),
                size=engine_size(size),
                fps=fps,
                model=model,
                backend=backend,
                device=device,
                engine=engine,
                port=port,
                listen=listen,
                web=not no_web,
                audio=audio,
                duration=duration,
                realtime=realtime == "on",
                osc=osc,
                midi=midi,
            )
        )


def _is_meant(context: typer.Context) -> bool:
    """False: a subcommand runs. Raises `UsageError` for flags that mean nothing."""
    if context.invoked_subcommand is not None:
        _refuse_flags(context, context.invoked_subcommand)
        return False
    _refuse_empty(context)
    _read_ahead(context)
    return True


def _read_ahead(context: typer.Context) -> None:
    """Read the engine that the last start like this one ended up with before the rest is loaded."""
    flags = context.params
    if flags["realtime"] == "on":
        from streamcam.provision.earlier.ahead import begin

        size = engine_size(flags["size"])
        names = (flags[name] for name in ("model", "backend", "device"))
        with StopSignals() as signals:
            begin(flags["preset"] or _DEFAULT_PRESET, size, *names)
        # Ctrl-C while it loads OpenVINO may be an error of a compiled module, which `begin` passes
        # over, and that module is then of no use.
        if signals.requested.is_set():
            raise typer.Abort


def _refuse_empty(context: typer.Context) -> None:
    """What `--source "$CAMERA"` gives with CAMERA unset is no wish for the default."""
    for name, value in context.params.items():
        if value == "" or (isinstance(value, list) and "" in value):
            raise UsageError(f"--{name} is empty: give a value or leave it out.")


def _refuse_flags(context: typer.Context, command: str) -> None:
    for name in context.params:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            flag = f"--{name.replace('_', '-')}"
            raise UsageError(
                f"{flag} is for a run and means nothing to `streamcam {command}`: leave one out."
            )
