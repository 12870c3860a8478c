"""Published: how programs of the same user find the token of a `streamcam serve` on this machine.

A file for this user's eyes alone, beside those of the programs that run (web/runtime.py).
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from platformdirs import user_runtime_path

from engines.whole import whole_file

_NOWHERE = ("", "")


@contextmanager
def published(address: str, port: int, token: str) -> Iterator[None]:
    """Let others find what listens there, until the end. Raises `OSError`."""
    path = _path(port)
    with whole_file(path) as unfinished:
        unfinished.unlink(missing_ok=True)
        file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "w", encoding="utf-8") as out:
            json.dump({"address": address, "token": token, "pid": os.getpid()}, out)
    try:
        yield
    finally:
        if found_at(port)[1] == token:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def found_at(port: int) -> tuple[str, str]:
    """Address and token of the server with that port; both "" where none is known to run."""
    try:
        found = json.loads(_path(port).read_text("utf-8"))
        address, token = found["address"], found["token"]
        runs = psutil.pid_exists(found["pid"])
    # The folder's library, the system, or what the file holds: there is none then.
    except Exception:  # noqa: BLE001
        return _NOWHERE
    fits = isinstance(address, str) and isinstance(token, str)
    return (address, token) if fits and runs else _NOWHERE


def ports() -> list[int]:
    """Where servers of this user run."""
    with suppress(OSError):
        names = [path.stem.removeprefix("serve-") for path in _path(0).parent.glob("serve-*.json")]
        found = sorted(int(name) for name in names if name.isdecimal())
        return [port for port in found if found_at(port) != _NOWHERE]
    return []


def _path(port: int) -> Path:
    with warnings.catch_warnings():
        # Without a login session (containers, sudo) the folder lies below /tmp. That is fine.
        warnings.simplefilter("ignore")
        folder = user_runtime_path("streamcam", appauthor=False, ensure_exists=True)
    return folder / f"serve-{port}.json"
