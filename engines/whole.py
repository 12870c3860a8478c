"""Whole files and folders: each is written beside its place and moved there, or it is not there."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

_UNFINISHED = re.compile(r"\.(\d+)\.(.*)", re.DOTALL)  # what process is writing, and what for
_TIMEOUT_SECONDS, _POLL_SECONDS = 10.0, 0.1


@contextmanager
def whole_file(place: Path) -> Iterator[Path]:
    """A path to write a file to that takes its `place` when the block ends, and not if it fails.

    Two programs that write the same file at once both succeed; the last one stays. The folder that
    it lies in must be there.
    """
    unfinished = beside(place)
    try:
        yield unfinished
        _patiently(lambda: unfinished.replace(place))
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def whole_folder(place: Path, *, replaces: bool = False) -> Iterator[Path]:
    """An empty folder to fill that takes its `place` when the block ends, and not if it fails.

    A folder that is there by then stays, as another program made it meanwhile; with `replaces` it
    is deleted.
    """
    unfinished = beside(place)
    unfinished.mkdir()
    try:
        yield unfinished
        if replaces and place.exists():
            _patiently(lambda: shutil.rmtree(place))  # noqa: TID251  # what the caller names
        try:
            _patiently(lambda: unfinished.rename(place))
        except OSError:
            if replaces or not place.is_dir():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)  # noqa: TID251  # made here


def beside(place: Path) -> Path:
    """Where this process writes what will be `place`. Deletes what programs that have ended left of
    it."""
    delete_left(place.parent, place.name)
    return place.with_name(f".{os.getpid()}.{place.name}")


def delete_left(folder: Path, name: str | None = None) -> None:
    """Delete what programs that have ended left unfinished in `folder`: all of it where the folder
    is the cache's, or what would be `name`."""
    for left in folder.glob(".*"):
        match = _UNFINISHED.fullmatch(left.name)
        if match and name in (None, match[2]) and not psutil.pid_exists(int(match[1])):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)  # noqa: TID251  # made by `whole_folder`
            else:
                left.unlink(missing_ok=True)


def _patiently(move: Callable[[], object]) -> None:
    """`move` or delete, on Windows again and again for ten seconds while that is refused: a virus
    scanner or the search index opens what was just written, and holds the folder that it is in."""
    until = time.monotonic() + (_TIMEOUT_SECONDS if sys.platform == "win32" else 0.0)
    while True:
        try:
            move()
        except PermissionError:
            if time.monotonic() >= until:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return
