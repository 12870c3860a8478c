"""The errors a user can meet: one clear line each, naming the value and the fix.

StreamcamError
├── UsageError        bad input; refused before anything starts, exit code 2
│   ├── UnknownChoice a name that is not in a list; suggests the nearest
│   └── SourceRefused the user, asked by the desktop, does not share the source
├── SourceLost        a source stopped delivering; worth retrying
└── SinkFailed        an output could not take a frame
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from engines.errors import quoted, reason

__all__ = [
    "SinkFailed",
    "SourceLost",
    "SourceRefused",
    "StreamcamError",
    "UnknownChoice",
    "UsageError",
    "quoted",
    "reason",
]


class StreamcamError(Exception):
    """Base of every error that is shown to the user as one line, without a traceback."""

    exit_code = 1


class UsageError(StreamcamError):
    """The command, a preset or a file cannot be used as given. The message says what can."""

    exit_code = 2


class UnknownChoice(UsageError):
    """`value` is no known `kind`; the message lists `choices` and suggests the nearest."""

    def __init__(self, kind: str, value: str, choices: Iterable[str]) -> None:
        known = sorted(choices)
        near = get_close_matches(value, known, n=1, cutoff=0.5)
        hint = f" Did you mean {quoted(near[0])}?" if near else ""
        super().__init__(f"unknown {kind} {quoted(value)}.{hint} Known: {', '.join(known)}.")


class SourceRefused(UsageError):
    """The user was asked whether they share a source, and said no. Not to be asked again."""


class SourceLost(StreamcamError):
    """A source that worked stopped delivering (unplugged, stream broke off). Retry may help."""


class SinkFailed(StreamcamError):
    """An output that was open could not take a frame (disk full, device gone)."""
