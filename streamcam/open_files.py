"""Which processes have a file or a device open, as Linux shows it in /proc."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Holder:
    """A process and how many times it has the file open."""

    pid: int
    name: str
    times: int


def holders_of(path: str, proc: Path = PROC) -> list[Holder]:
    """The processes beside this one that have `path` open; another user's only as root.

    Empty if there is no such file. Looks at every open file of every process, which takes some
    milliseconds.
    """
    found: list[Holder] = []
    try:
        wanted = Path(path).stat()
    except OSError:
        return found
    for process in proc.glob("[0-9]*"):
        pid = int(process.name)
        if pid == os.getpid():
            continue
        with suppress(OSError):  # another user's, or it has just ended
            times = sum(_is(entry, wanted) for entry in os.scandir(process / "fd"))
            if times:
                name = (process / "comm").read_text("utf-8", "replace").removesuffix("\n")
                found.append(Holder(pid, name, times))
    return found


def _is(entry: os.DirEntry[str], wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat(entry.stat(), wanted)
    except OSError:
        return False
