"""The environment a peer runs in: a venv with the versions that its file names, made once.

Two commands must not make the same one at the same time.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from engines.errors import PeerUnavailable, reason
from engines.whole import whole_file

# As the specification of inline script metadata (PEP 723) has it.
_HEADER = re.compile(r"(?m)^# /// script$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
_READY = "ready.json"
_LOG = "install.log"
# For a program that has no torch itself.
_TORCH = "2.13.0"

Execute = Callable[[Sequence[str], Path], int]


@dataclass(frozen=True, slots=True)
class Requirements:
    """What is installed: `packages` with their dependencies, then `alone` without."""

    packages: tuple[str, ...]
    alone: tuple[str, ...] = ()
    python: str = platform.python_version()


def read_requirements(script: Path) -> Requirements:
    """From a peer file's header, with this program's version of torch."""
    found = _HEADER.search(script.read_text("utf-8"))
    if found is None:
        raise PeerUnavailable(f"peer file {script}: it has no '# /// script' header.")
    header = tomllib.loads("".join(line[2:] + "\n" for line in found["content"].splitlines()))
    packages = (f"torch=={torch_version()}" if one == "torch" else one
                for one in header["dependencies"])  # fmt: skip
    alone = header.get("tool", {}).get("streamcam", {}).get("without-dependencies", ())
    return Requirements(tuple(packages), tuple(alone))


def torch_version() -> str:
    """The installed torch without its build's suffix ("2.13.0", not "2.13.0+cpu")."""
    try:
        return metadata.version("torch").split("+")[0]
    except metadata.PackageNotFoundError:
        return _TORCH


def execute(command: Sequence[str], log: Path) -> int:
    """Run a command with its output at the end of `log`. Returns its exit code."""
    with log.open("ab") as output:
        return subprocess.run(command, stdout=output, stderr=output, check=False).returncode


def prepare(
    script: Path, root: Path, say: Callable[[str], None], execute: Execute = execute
) -> Path:
    """The Python of the peer's environment in `root`, which is made unless it is there and whole.

    One that was half made, or made for other versions, is made again. Raises `PeerUnavailable`
    with the reason and the file that holds the whole output.
    """
    wanted = read_requirements(script)
    folder = root / script.stem
    python = _python_of(folder)
    if python.is_file() and _is_ready(folder, wanted):
        return python
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _READY).unlink(missing_ok=True)
        _build(folder, wanted, say, execute)
        with whole_file(folder / _READY) as unfinished:  # last of all
            unfinished.write_text(_manifest(wanted), "utf-8")
    except OSError as error:
        raise PeerUnavailable(
            f"peer {script.stem}: its environment cannot be written to {folder}: {reason(error)}."
        ) from error
    return python


def _build(folder: Path, wanted: Requirements, say: Callable[[str], None], run: Execute) -> None:
    name, log = folder.name, folder.with_name(f"{folder.name}.{_LOG}")
    log.write_bytes(b"")
    listed = ", ".join((*wanted.packages, *wanted.alone))
    say(f"peer {name}: making its environment in {folder}, once: {listed}")
    if run([sys.executable, "-m", "venv", "--clear", str(folder)], log):
        raise PeerUnavailable(
            f"peer {name}: python -m venv failed: {_reason(log)} (whole output: {log}). "
            "On Debian and Ubuntu it needs: sudo apt install python3-venv."
        )
    pip = [str(_python_of(folder)), "-m", "pip", "install", "--no-input"]
    pip.append("--disable-pip-version-check")
    for options, packages in (((), wanted.packages), (("--no-deps",), wanted.alone)):
        if packages and run([*pip, *options, *packages], log):
            raise PeerUnavailable(
                f"peer {name}: pip could not install its packages: {_reason(log)} "
                f"(whole output: {log}). It needs the package index, once."
            )


def _reason(log: Path) -> str:
    """The last line of the log that is an error, else its last line."""
    lines = [line.strip() for line in log.read_text("utf-8", "replace").splitlines()]
    lines = [line for line in lines if line]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["it says nothing"])[-1]


def _is_ready(folder: Path, wanted: Requirements) -> bool:
    try:
        return (folder / _READY).read_text("utf-8") == _manifest(wanted)
    except (OSError, ValueError):
        return False


def _manifest(wanted: Requirements) -> str:
    return json.dumps(asdict(wanted), indent=2)


def _python_of(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
