"""Batch: files that are rendered one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from engines.errors import EngineError
from streamcam.cli.run.progress import Job
from streamcam.cli.run.session.run import Run
from streamcam.errors import StreamcamError, UsageError, flat, quoted, raise_all, told

if TYPE_CHECKING:
    from streamcam.pipeline import Options


def check_sources(runs: Sequence[Options]) -> None:
    """Open each file, and close it: one that cannot be read is known before the first is rendered.

    Raises `UsageError`.
    """
    from streamcam import capture

    for options in runs:
        if capture.file_of(options.source) is not None:  # a pipe and a stream can be read once
            options.open_source(options.source, replace(options.wanted, sound=False)).close()


def render_all(first: Run, runs: Sequence[Options]) -> None:
    """Render them in order, with all else as in `first`. A file that fails leaves the others to be
    rendered; what stops one stops all. Raises what failed; at once, what refuses the first."""
    failed: list[BaseException] = []
    done, deadline = 0, perf_counter() + first.seconds
    say = first.terminal.say
    for number, options in enumerate(runs, 1):
        left = deadline - perf_counter()
        if first.signals.heard or left <= 0:
            break
        first.signals.opening()
        job = Job(Path(options.source).name, (number, len(runs)))
        say(f"file {number} of {len(runs)}: {options.source}")
        try:
            stopped = replace(first, options=options, job=job, seconds=left).go()
        except Exception as error:
            if number == 1 and isinstance(error, (UsageError, EngineError)):
                raise  # the others would fail of the same
            failed += [_of(options.source, one) for one in flat([error])]
            say(f"failed: {failed[-1]}")
        else:
            if stopped or perf_counter() >= deadline:
                break
            done += 1
    say(f"{'done' if done == len(runs) else 'stopped'}: {done} of {len(runs)} files")
    raise_all(failed)


def _of(source: str, error: BaseException) -> BaseException:
    """The error with its file. One that is a mistake of ours stays as it is, for its traceback."""
    if not isinstance(error, (StreamcamError, EngineError)):
        return error
    named = StreamcamError(f"{quoted(source)}: {told(error, EngineError)}")
    named.__cause__ = error
    return named
