"""The machine: Python, system, cores, memory, disk."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator

import psutil
from platformdirs import user_cache_path

from engines.memory import GIB
from streamcam.doctor import Finding
from streamcam.priority import usable_cores
from streamcam.provision import limits

_TOPIC = "machine"
_DISK = 2.0  # GiB below which a large model finds no room


def check() -> Iterator[Finding]:
    version = platform.python_version()
    yield Finding(_TOPIC, "Python", "ok", f"{version}, {sys.executable}")
    yield Finding(_TOPIC, "system", "ok", f"{platform.platform()}, {platform.machine()}")
    yield Finding(_TOPIC, "cores", "ok", f"{usable_cores()} of {os.cpu_count()} for this program")
    slow = limits.processor()
    if slow is not None:
        yield Finding(_TOPIC, "processor", "note", slow.text, slow.fix)
    yield _memory()
    yield _disk()


def _memory() -> Finding:
    memory, short = psutil.virtual_memory(), limits.memory()
    if short is not None:
        return Finding(_TOPIC, "memory", "note", short.text, short.fix)
    free = f"{memory.available / GIB:.1f} of {memory.total / GIB:.1f} GiB free"
    return Finding(_TOPIC, "memory", "ok", f"{free}; streamcam takes about {limits.TAKES:g}")


def _disk() -> Finding:
    """Where models and engines are kept; the folder may not be there yet."""
    folder = user_cache_path("streamcam", appauthor=False)
    there = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    free = psutil.disk_usage(str(there)).free / GIB
    short = free < _DISK
    fix = "streamcam build --clean, or free some space" if short else ""
    text = f"{free:.1f} GiB free for {folder}"
    return Finding(_TOPIC, "disk", "note" if short else "ok", text, fix)
