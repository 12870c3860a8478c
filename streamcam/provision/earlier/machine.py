"""What of a machine shapes how fast it is, and so what an earlier start found out."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path

from streamcam.priority import usable_cores

_PROCESSOR = Path("/proc/cpuinfo")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a container


def machine() -> list[object]:
    """Its name, its processor, and how much of that this program may have."""
    return [
        platform.node(),
        platform.machine(),
        usable_cores(),
        _processor(),
        _text(_QUOTA).strip(),
    ]


def _processor() -> str:
    """Its name, where the system says it without another program."""
    lines = (line.partition(":") for line in _text(_PROCESSOR).splitlines())
    named = (value.strip() for name, _, value in lines if name.strip() == "model name")
    return next(named, os.environ.get("PROCESSOR_IDENTIFIER", ""))


def _text(file: Path) -> str:
    """The beginning of a file of the system's; "" where there is none."""
    with suppress(OSError), file.open("rb") as opened:
        return opened.read(4096).decode("utf-8", "replace")
    return ""
