"""Null: takes every picture and discards it. For measuring, and for tests without a device."""

from __future__ import annotations

from streamcam.errors import UsageError, quoted
from streamcam.frames import Frame
from streamcam.sink import Format


class Null:
    """Counts the frames it was given in `written`."""

    label = "nothing (null)"
    paced = False
    main_thread = False
    reopen_as: str | None = None
    finishes: str | None = None
    watched = True

    def __init__(self) -> None:
        self.written = 0

    def write(self, frame: Frame) -> None:
        del frame
        self.written += 1

    def close(self) -> None: ...


def open_sink(argument: str, form: Format) -> Null:
    """`argument` must be empty. Raises `UsageError`."""
    del form
    if argument:
        raise UsageError(
            f"the output 'null' takes no argument, not {quoted(argument)}; use --output null"
        )
    return Null()
