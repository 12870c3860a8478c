"""What can go wrong in the engine. Each message names the value or file and the fix.

EngineError
├── InvalidSpec         a field of EngineSpec or Params is out of range (bad input)
├── InvalidPrompt       a prompt that cannot be read (bad input)
│   └── PromptTooLong   a prompt beyond the engine's capacity (bad input)
├── ModelUnavailable    a model folder lacks a file, or is of no known family (bad input)
├── BackendUnavailable  the backend or device is not on this machine (bad input)
├── BuildAbandoned      the caller of a build did not want the engine any more
├── PeerUnavailable     a program to compare with cannot be installed or run (bad input)
└── EngineFailed        a running engine broke; rebuilding may help
"""

from __future__ import annotations

from typing import Literal

Cause = Literal["", "memory", "device", "capture", "blank", "hang"]


class EngineError(Exception):
    """Base of all engine errors; the message is fit to be shown to the user.

    cause  what a way back depends on: the device's memory is full ("memory"), the device itself
           failed ("device"), a CUDA graph could not be captured ("capture"), the pictures are
           blank, or the engine does not return ("hang"); "" is anything else
    """

    def __init__(self, message: str, *, cause: Cause = "") -> None:
        super().__init__(message)
        self.cause: Cause = cause


class InvalidSpec(EngineError, ValueError):
    """A field of EngineSpec or Params is out of range."""


class InvalidPrompt(EngineError, ValueError):
    """A prompt that cannot be read: its syntax, or its length."""


class PromptTooLong(InvalidPrompt):
    """`chunks` is the `EngineSpec.prompt_chunks` that it would need."""

    def __init__(self, message: str, chunks: int) -> None:
        super().__init__(message)
        self.chunks = chunks


class ModelUnavailable(EngineError):
    """The model's files are missing, damaged or of no known family."""


class BackendUnavailable(EngineError):
    """The backend, or the device it was asked to use, is not available on this machine."""


class BuildAbandoned(EngineError):
    """The caller did not want the engine any more while it was being built."""


class PeerUnavailable(EngineError):
    """A program to compare with cannot be installed, started or kept running."""


class EngineFailed(EngineError):
    """An engine that worked failed while running."""


def quoted(text: object) -> str:
    r"""What a user wrote, in quotes and as they wrote it: C:\clips\a.mp4 keeps its backslashes.

    A character that cannot be printed is shown by its number, \x1b, or by its name, \n.
    """
    shown = "".join(one if one.isprintable() else repr(one)[1:-1] for one in str(text))
    return f'"{shown}"' if "'" in shown and '"' not in shown else f"'{shown}'"


def reason(error: BaseException) -> str:
    """What an exception says, for a line that names the file already: without its number, and
    without the path in Python's spelling."""
    said = (isinstance(error, OSError) and error.strerror) or str(error)
    return " ".join(said.split()).rstrip(".") or type(error).__name__
