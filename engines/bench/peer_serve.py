"""Serve a peer: runs in the peer's environment and times the frames that it restyles.

    python -I peer_serve.py PEER_FILE

One JSON object a line: commands on stdin, an answer to each on stdout.

    {"open": REQUEST}   → {"opened": {"notes": [...], "versions": {package: version}}}
    {"run": N}          → {"milliseconds": [...]}   one for each of N frames
    {"picture": FILE}   → {"picture": FILE}   the last picture, uint8 (H, W, 3), as .npy
    anything that fails → {"error": "one line"}, and the process ends

Needs nothing but numpy; see engines/bench/peers/__init__.py for REQUEST and the peer's side.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from importlib import metadata
from itertools import cycle
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

Answer = dict[str, Any]
Picture = NDArray[np.uint8]
_NAMED = ("torch", "diffusers", "transformers", "streamdiffusion", "numpy")


class Server:
    """Answers commands about one peer."""

    def __init__(self, peer: ModuleType) -> None:
        self._peer = peer
        self._restyle: Callable[[Picture], Picture] = np.copy
        self._frames: Iterator[Picture] = iter(())
        self._picture: Picture = np.zeros(0, np.uint8)
        self._commands: dict[str, Callable[[Any], Answer]] = {
            "open": self._open,
            "run": self._run,
            "picture": self._save,
        }

    def answer(self, command: dict[str, Any]) -> Answer:
        """What to say to a command. Raises whatever the peer raises."""
        ((name, argument),) = command.items()
        return self._commands[name](argument)

    def _open(self, request: dict[str, Any]) -> Answer:
        frames = np.load(request["frames"])
        self._frames = cycle(frames)
        self._restyle, notes = self._peer.open_peer(request)
        picture = self._restyle(frames[0])
        if picture.shape != frames[0].shape or picture.dtype != np.uint8:
            raise RuntimeError(f"its picture is {picture.dtype} {picture.shape}")
        return {"opened": {"notes": notes, "versions": _versions()}}

    def _run(self, frames: int) -> Answer:
        times = []
        for _ in range(frames):
            frame = next(self._frames)
            began = perf_counter()
            self._picture = self._restyle(frame)
            times.append((perf_counter() - began) * 1e3)
        return {"milliseconds": times}

    def _save(self, file: str) -> Answer:
        np.save(file, self._picture)
        return {"picture": file}


def serve(server: Server, commands: TextIO, answers: TextIO) -> int:
    """Answer until the commands end. Returns the exit code."""
    for line in commands:
        try:
            answer = server.answer(json.loads(line))
        except Exception as error:  # noqa: BLE001  # a library's failure, whatever it is, is the answer
            traceback.print_exc()  # on stderr, which is kept in a file
            said = " ".join(str(error).split())
            answer = {"error": f"{type(error).__name__}: {said}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
        if "error" in answer:
            return 1
    return 0


def load_peer(file: Path) -> ModuleType:
    """The peer file as a module, under a name that hides no package."""
    spec = importlib.util.spec_from_file_location(f"peer_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    peer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(peer)
    return peer


def _versions() -> dict[str, str]:
    installed = {}
    for name in _NAMED:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return installed


if __name__ == "__main__":
    # Libraries print; the answers keep a stdout of their own.
    own_stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.exit(serve(Server(load_peer(Path(sys.argv[1]))), sys.stdin, own_stdout))
