"""The command line, which `streamcam/__main__.py` loads; one file a command.

Heavy imports (cameras, engines, the web server) happen inside the commands that need them, so
that help, errors and the first picture come fast.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

import typer
from typer.core import TyperGroup
from typer.main import get_command

from engines.errors import EngineError, EngineFailed
from streamcam.cli import (
    bench,
    build,
    curtain,
    devices,
    doctor,
    get,
    obs,
    presets,
    run,
    save,
    serve,
    switch,
)
from streamcam.cli import set as set_command
from streamcam.cli.plain_values import PlainCommand, with_plain_values
from streamcam.cli.terminal import fail
from streamcam.cli.terminal.output import open_streams
from streamcam.errors import StreamcamError, UnknownChoice, UsageError, quoted, reason

_INTERRUPTED = 130


class Commands(TyperGroup):
    """The group of subcommands; an unknown one is answered with the nearest."""

    def get_params(self, ctx):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        """As click calls it: the flags of a run."""
        return with_plain_values(super().get_params(ctx))

    def parse_args(self, ctx, args):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        """As click calls it: the flags, and what is left."""
        return super().parse_args(ctx, _gathered(args))

    def resolve_command(self, ctx, args):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        """As click calls it: the command that `args` starts with."""
        name = args[0]
        if name not in self.commands:
            raise _unknown_command(name, list(self.commands))
        return super().resolve_command(ctx, args)


def build_app(*, rich_help: bool) -> typer.Typer:
    """The whole command line. `rich_help` draws the help with boxes and colours."""
    app = typer.Typer(
        cls=Commands,
        add_completion=False,
        rich_markup_mode="rich" if rich_help else None,
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True)(run.run)
    for command in (
        devices.devices,
        presets.presets,
        bench.bench,
        build.build,
        switch.switch,
        get.get,
        save.save,
        curtain.curtain,
        obs.obs,
        serve.serve,
        doctor.doctor,
    ):
        app.command(cls=PlainCommand)(command)
    app.command("set", cls=PlainCommand)(set_command.set_value)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (default: that of the process) and return the exit code.

    0 done, 1 it broke while running, 2 it was asked for something that cannot be. Every
    expected error is one line on stderr; an unexpected one keeps its traceback. A failed write to
    stdout is a failure only of commands whose purpose is to print.
    """
    with open_streams() as stdout:
        code = _run(arguments)
        stdout.end()
        if stdout.optional or stdout.failure is None:
            return code
        if not isinstance(stdout.failure, BrokenPipeError):  # `| head` has seen enough, that is all
            fail(f"the answer cannot be written to stdout: {reason(stdout.failure)}.", 1)
        return code or 1


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = _invoke(arguments)
    except (StreamcamError, EngineError) as error:
        return fail(str(error), _exit_code(error))
    except BaseExceptionGroup as group:  # several stages failed
        if group.split((StreamcamError, EngineError))[1] is not None:
            raise  # among them is a bug, whose traceback counts
        return fail(" And: ".join(str(error) for error in group.exceptions), 1)
    except typer.TyperException as error:
        return fail(error.format_message(), error.exit_code)
    except typer.Abort:
        return _INTERRUPTED
    return code if isinstance(code, int) else 0


def command() -> NoReturn:
    """What the console script runs: `main`, then the end of the process.

    An engine's compiler that the run could not wait for is still at work on its thread. Python
    would end that thread in the middle of C++, which aborts the process, so the process ends first.
    """
    # pydantic looks through all that is installed for plugins of its own. Nobody needs one here.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    code = main()
    if any(thread.daemon for thread in threading.enumerate()):
        os._exit(code)
    sys.exit(code)


def _exit_code(error: StreamcamError | EngineError) -> int:
    if isinstance(error, StreamcamError):
        return error.exit_code
    return 1 if isinstance(error, EngineFailed) else 2


def _invoke(arguments: Sequence[str] | None) -> object:
    command = get_command(build_app(rich_help=sys.stdout.isatty()))
    try:
        return command.main(
            args=None if arguments is None else list(arguments),
            prog_name="streamcam",
            standalone_mode=False,
        )
    except SystemExit as ended:
        # typer takes every broken pipe for stdout's, and ends without a word. Ours raises nothing.
        if isinstance(ended.__context__, OSError):
            raise ended.__context__ from None
        raise
    except (ImportError, RuntimeError) as error:
        from streamcam.doctor.libraries import missing

        lacking = missing(error)
        if lacking is None:
            raise
        raise UsageError(f"{lacking}.") from error


def _gathered(words: Sequence[str]) -> list[str]:
    """`--source *.mp4` comes here as `--source a.mp4 b.mp4`: every file there is a source."""
    found: list[str] = []
    for word in words:
        more = found[-2:-1] == ["--source"] and not word.startswith("-")
        found += ["--source", word] if more and os.path.isfile(word) else [word]  # noqa: PTH113
    return found


def _unknown_command(name: str, commands: list[str]) -> UsageError:
    from streamcam.presets import preset_names

    if name.casefold() in preset_names():
        return UsageError(
            f"unknown command {quoted(name)}. To run that preset: streamcam --preset {name}"
        )
    return UnknownChoice("command", name, commands)
