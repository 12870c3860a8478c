"""The runtime file: how `streamcam switch` finds the program that is running."""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

from platformdirs import user_runtime_path


def runtime_file() -> Path:
    """Where it lies: in a folder private to the user, which is made. Raises `OSError`."""
    with warnings.catch_warnings():
        # Without a login session (containers, sudo) the folder lies below /tmp. That is fine.
        warnings.simplefilter("ignore")
        return user_runtime_path("streamcam", appauthor=False, ensure_exists=True) / "running.json"


@dataclass(frozen=True, slots=True)
class Running:
    """A running program: its process, the port of its page and the token its API asks for."""

    pid: int
    port: int
    token: str

    def save(self, path: Path) -> None:
        """Write it for this user's eyes only. The newest program wins. Raises `OSError`."""
        draft = path.with_name(f"{path.name}.{self.pid}")
        draft.unlink(missing_ok=True)
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "w", encoding="utf-8") as out:
            json.dump(asdict(self), out)
        draft.replace(path)

    def forget(self, path: Path) -> None:
        """Remove the file, unless another program has written its own since."""
        if self.load(path) == self:
            path.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> Running | None:
        """What is saved; None if there is nothing, or nothing that can be understood.

        The program may have died without removing it: only a connection tells.
        """
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return cls(int(found["pid"]), int(found["port"]), str(found["token"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None
