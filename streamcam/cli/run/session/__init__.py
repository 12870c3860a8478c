"""What a call of the program does: choose, run (or render file after file), end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from streamcam.cli.run.progress import Job
from streamcam.cli.run.session.batch import check_sources, render_all
from streamcam.cli.run.session.choices import Request as Request
from streamcam.cli.run.session.choices import choose_runs, wanted_doors
from streamcam.cli.run.session.loading import loading
from streamcam.cli.run.session.run import Run
from streamcam.cli.run.signals import StopSignals
from streamcam.cli.terminal import Terminal

if TYPE_CHECKING:
    from streamcam.control.doors import Wanted
    from streamcam.pipeline import Options


def run_request(request: Request) -> None:
    """Run until the sources end, the time is over, or the user stops it. Main thread only.

    Raises `UsageError` and `EngineError` with nothing left open, or what broke the run.
    """
    terminal = Terminal(optional=True)
    with StopSignals() as signals:
        chosen = _chosen(request, terminal, signals)
        if chosen is None:
            return
        runs, doors = chosen
        seconds = float("inf") if request.duration is None else request.duration
        job = None if request.realtime else Job(Path(runs[0].source).name)
        listen = request.listen or ""
        run = Run(runs[0], terminal, signals, seconds, job, doors, request.audio, listen)
        if len(runs) == 1:
            run.go()
        else:
            render_all(run, runs)


def _chosen(
    request: Request, terminal: Terminal, signals: StopSignals
) -> tuple[list[Options], Wanted] | None:
    """The runs, and what they are played by; None if a signal came meanwhile."""
    try:
        with loading():
            runs = choose_runs(request, terminal.say)
        if len(runs) > 1:
            check_sources(runs)
        return runs, wanted_doors(request, runs[0].preset)
    except KeyboardInterrupt:
        return None
    except Exception:
        # A compiled module that Ctrl-C interrupts while it loads raises an error of its own.
        if signals.requested.is_set():
            return None
        raise
