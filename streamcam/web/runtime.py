"""Runtime files: how `streamcam switch` and `curtain` find the programs that run, one file each."""

from __future__ import annotations

import json
import os
import warnings
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from platformdirs import user_runtime_path

from engines.whole import whole_file

_SAME_BIRTH_SECONDS = 2.0  # seconds by which two readings of one process's birth may differ


def runtime_folder() -> Path:
    """Where they lie: a folder private to the user, which is made. Raises `OSError`."""
    with warnings.catch_warnings():
        # Without a login session (containers, sudo) the folder lies below /tmp. That is fine.
        warnings.simplefilter("ignore")
        return user_runtime_path("streamcam", appauthor=False, ensure_exists=True)


@dataclass(frozen=True, slots=True)
class Running:
    """A program that runs, as its runtime file says.

    pid      its process
    born     when that began, in seconds since 1970 and since the machine was started. When the
             machine's clock is set one of the two stays the same; which one depends on the system
    port     of its page, or of its controls alone; on 127.0.0.1
    token    what both of them ask for
    preset   its preset when it started
    outputs  as they were asked for
    """

    pid: int
    born: tuple[float, float]
    port: int
    token: str
    preset: str
    outputs: tuple[str, ...]

    @classmethod
    def here(cls, port: int, token: str, preset: str, outputs: tuple[str, ...]) -> Running:
        """This very process."""
        pid = os.getpid()
        return cls(pid, _birth(pid), port, token, preset, outputs)

    def save(self, folder: Path) -> Path:
        """Write it for this user's eyes only; the file. Raises `OSError`."""
        path = folder / f"{self.pid}.json"
        with whole_file(path) as unfinished:
            unfinished.unlink(missing_ok=True)
            file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(file, "w", encoding="utf-8") as out:
                json.dump(asdict(self), out)
        return path

    @property
    def alive(self) -> bool:
        """Whether its process is there; another one that has its number now is not."""
        try:
            if psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE:
                return False
            born = _birth(self.pid)
        except psutil.NoSuchProcess:
            return False
        except (psutil.Error, OSError):
            return True  # it is there, and we may not look at it
        return any(
            abs(one - other) < _SAME_BIRTH_SECONDS
            for one, other in zip(born, self.born, strict=True)
        )

    def forget(self, folder: Path) -> None:
        """Remove its file, unless another program has written its own since."""
        path = folder / f"{self.pid}.json"
        if _load(path) == self:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def saved(folder: Path) -> list[Running]:
    """What is saved, the oldest first. Some may have died without removing their file: a connection
    tells, and `Running.alive`. Files that cannot be read are passed over. Raises `OSError`."""
    found = [_load(path) for path in folder.glob("[0-9]*.json")]
    return sorted((one for one in found if one is not None), key=lambda one: one.born)


def _load(path: Path) -> Running | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        since_1970, since_start = map(float, found["born"])
        running = Running(
            int(found["pid"]),
            (since_1970, since_start),
            int(found["port"]),
            str(found["token"]),
            str(found["preset"]),
            tuple(map(str, found["outputs"])),
        )
    # The file may hold anything: too deep for json, too large for int, a number for a list.
    except Exception:  # noqa: BLE001
        return None
    fits = path.stem == str(running.pid) and 0 < running.port < 65_536 and running.token.isascii()
    return running if fits else None


def _birth(pid: int) -> tuple[float, float]:
    born = psutil.Process(pid).create_time()
    return born, born - psutil.boot_time()
