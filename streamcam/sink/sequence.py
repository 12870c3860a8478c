"""Sequence: a PNG file for each picture, with alpha where a mask cuts the person out."""

from __future__ import annotations

import os
import re
from pathlib import Path

import cv2

from streamcam.errors import SinkFailed, UsageError, quoted, reason
from streamcam.frames import Frame
from streamcam.sink import Format

_PATTERN = re.compile(r"[^%]*%(0[1-9])?d[^%]*")
_EXAMPLE = "%06d.png"


class Sequence:
    """Numbers the files from 1 on. Each is whole under its name: it is written beside it first."""

    main_thread = False
    reopen_as: str | None = None
    finishes: str | None = None
    watched = alpha = True

    def __init__(self, pattern: Path, form: Format) -> None:
        """`pattern`: a path with one %d or %06d in its name."""
        self.paced = form.realtime
        self.label = f"pictures {pattern}"
        self._pattern = pattern
        self._written = 0
        self._closed = False

    def write(self, frame: Frame) -> None:
        """Write the next file. Raises `SinkFailed`."""
        if self._closed:
            raise SinkFailed(f"{self.label} are closed")
        if frame.cut_out is None:
            turned = cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2BGR)
        else:
            turned = cv2.cvtColor(frame.cut_out, cv2.COLOR_RGBA2BGRA)
        path = numbered(self._pattern, self._written + 1)
        draft = path.with_name(f"{path.name}.part")
        try:
            draft.write_bytes(cv2.imencode(".png", turned)[1].tobytes())
            draft.replace(path)
        except OSError as error:
            raise SinkFailed(f"{path} cannot be written: {reason(error)}") from error
        self._written += 1

    def close(self) -> None:
        self._closed = True


def _names(pattern: Path) -> re.Pattern[str]:
    """What its files may be called."""
    before, after = re.split(r"%(?:0[1-9])?d", pattern.name)
    return re.compile(rf"{re.escape(before)}\d+{re.escape(after)}", re.IGNORECASE)


def numbered(pattern: Path, number: int) -> Path:
    """The file of that number."""
    return pattern.with_name(pattern.name % number)


def open_sink(argument: str, form: Format) -> Sequence:
    """Write to `argument`, like frames/%06d.png. Raises `UsageError`: no such pattern, a folder
    that cannot be had, files that would be written over."""
    pattern = Path(argument).expanduser()
    if _PATTERN.fullmatch(pattern.name) is None:
        example = str(pattern.with_name(f"{pattern.stem.replace('%', '')}-{_EXAMPLE}"))
        raise UsageError(
            f"the output {quoted(argument)} is one picture, and there are many: put a place for "
            f"their number into its name, like {quoted(example)}."
        )
    if "%" in str(pattern.parent):
        raise UsageError(
            f"the output {quoted(argument)}: the number has its place in the file's name, not in "
            "a folder's."
        )
    try:
        pattern.parent.mkdir(exist_ok=True)
        writable = os.access(pattern.parent, os.W_OK)
        there = [path.name for path in pattern.parent.iterdir()]
    except OSError as error:
        raise UsageError(
            f"the output {quoted(argument)}: {reason(error)}; choose another folder."
        ) from error
    if not writable:
        raise UsageError(
            f"the output {quoted(argument)}: that folder is write-protected; choose another."
        )
    taken = next(filter(_names(pattern).fullmatch, there), "")
    if taken:
        raise UsageError(
            f"the output {quoted(argument)} may write over {quoted(taken)}, which is there "
            "already; choose another folder or name."
        )
    return Sequence(pattern, form)
