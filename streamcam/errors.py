"""The errors a user can meet: one clear line each, naming the value and the fix.

StreamcamError
├── UsageError        bad input; refused before anything starts, exit code 2
│   ├── UnknownChoice a name that is not in a list; suggests the nearest
│   └── SourceRefused the user, asked by the desktop, does not share the source
├── SourceLost        a source stopped delivering; worth retrying
└── SinkFailed        an output could not take a frame
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

from engines.errors import quoted, reason

__all__ = [
    "SinkFailed",
    "SourceLost",
    "SourceRefused",
    "StreamcamError",
    "UnknownChoice",
    "UsageError",
    "flat",
    "quoted",
    "raise_all",
    "reason",
    "told",
    "words",
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
        listed = ", ".join(known) or "none"
        super().__init__(f"unknown {kind} {quoted(value)}.{hint} Known: {listed}.")


class SourceRefused(UsageError):
    """The user was asked whether they share a source, and said no. Not to be asked again."""


class SourceLost(StreamcamError):
    """A source that worked stopped delivering (unplugged, stream broke off). Retry may help."""


class SinkFailed(StreamcamError):
    """An output that was open could not take a frame (disk full, device gone)."""


def told(error: BaseException, *foreseen: type[BaseException]) -> str:
    """The error on one line, with its type and place unless it is ours or one of the `foreseen`."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, (StreamcamError, *foreseen)):
        return text
    places = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(places[-1].filename).name}:{places[-1].lineno})" if places else ""
    return f"{type(error).__name__}: {text}{place}"


def words(error: BaseException, *known: type[BaseException]) -> str:
    """The message on one line, after the name of the class unless it is one of `known`.

    The known ones speak for themselves; `KeyError: 'fd'` would be no more than 'fd'.
    """
    said = " ".join(str(error).split())
    if isinstance(error, known) and said:
        return said
    name = type(error).__name__
    return f"{name}: {said}" if said else name


def raise_all(errors: Sequence[BaseException]) -> None:
    """Raise the error; several as a group; nothing if there are none."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise BaseExceptionGroup("several parts of the program failed", errors)


def flat(errors: Iterable[BaseException]) -> list[BaseException]:
    """The errors, with groups dissolved into what they hold."""
    found: list[BaseException] = []
    for error in errors:
        found += flat(error.exceptions) if isinstance(error, BaseExceptionGroup) else [error]
    return found
