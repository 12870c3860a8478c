"""PeerProcess: a peer at work in its environment, spoken to through `peer_serve.py`."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.errors import PeerUnavailable

_SERVE = Path(__file__).with_name("peer_serve.py")
_END_SECONDS = 10.0


class PeerProcess:
    """A peer that has loaded its model. For one thread; `close` ends its process.

    notes     what people should know about how it is run
    versions  of the packages that matter there
    """

    def __init__(
        self, python: Path, script: Path, request: Mapping[str, object], scratch: Path
    ) -> None:
        """Start it and wait until it has restyled a first frame.

        `scratch` is a folder for its log and its pictures. Raises `PeerUnavailable`.
        """
        self.name = script.stem
        self._scratch = scratch
        self._log = scratch / f"{self.name}.log"
        # -I: nothing of this program's folder or environment may shadow the peer's packages.
        command = [str(python), "-I", str(_SERVE), str(script)]
        offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(scratch / "hub")}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
                env=os.environ | offline,
            )
        try:
            opened = self._ask("open", request)
        except BaseException:
            self.close()
            raise
        self.notes: list[str] = opened["notes"]
        self.versions: dict[str, str] = opened["versions"]

    def run(self, frames: int) -> list[float]:
        """Restyle the next `frames` frames; milliseconds of each. Raises `PeerUnavailable`."""
        times: list[float] = self._ask("run", frames)
        if len(times) != frames:
            raise PeerUnavailable(f"peer {self.name}: {len(times)} of {frames} frames came back.")
        return times

    def picture(self) -> NDArray[np.uint8]:
        """The last picture of `run`, (H, W, 3). Raises `PeerUnavailable`."""
        file = self._ask("picture", str(self._scratch / f"{self.name}.npy"))
        picture: NDArray[np.uint8] = np.load(file)
        return picture

    def close(self) -> None:
        """End the process. May be called twice."""
        process = self._process
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue  # it died with a command unread
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _ask(self, name: str, argument: object) -> Any:  # noqa: ANN401  # as the command has it
        """The answer to one command. Waits as long as the peer lives."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(json.dumps({name: argument}) + "\n")
            stdin.flush()
            line = stdout.readline()
        except OSError:
            line = ""
        if not line:
            raise PeerUnavailable(f"peer {self.name}: its process died. {self._last_words()}")
        ((key, value),) = json.loads(line).items()
        if key == "error":
            raise PeerUnavailable(f"peer {self.name}: {value}")
        return value

    def _last_words(self) -> str:
        lines = self._log.read_text("utf-8", "replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return f"Its last words: {said[-1]}" if said else "It said nothing."
