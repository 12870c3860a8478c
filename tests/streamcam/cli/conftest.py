"""Runs of the command line as people meet it: a process, with a terminal or without one."""

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from real_command import heed_signals

LONG = 30.0  # seconds that something may take on a busy machine
_FAKE = Path(__file__).with_name("fake_run.py")
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_MAIN = "import sys; from streamcam.cli import command; command()"
# Takes the terminal on stdin as its own, as a shell's job has it, then becomes the program.
_OWN_TERMINAL = (
    "import os, sys; os.close(os.open(os.ttyname(0), os.O_RDWR)); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)
# The same, with the program in the background: `streamcam &`.
_BACKGROUND = (
    "import os, subprocess, sys; os.close(os.open(os.ttyname(0), os.O_RDWR)); "
    "sys.exit(subprocess.run(sys.argv[1:], process_group=0).returncode)"
)


def environment(home: Path, more: Mapping[str, str]) -> dict[str, str]:
    """Without display, and with every folder of the user in `home` (what runs: beside it)."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "DISPLAY", "WAYL"))}
    kept["XDG_RUNTIME_DIR"] = str(home.with_name(f"{home.name}-run"))
    return kept | {"HOME": str(home), "COLUMNS": "100", "TERM": "xterm-256color"} | dict(more)


class Run:
    """A running command line; `log` is what its fake pipeline was asked to do."""

    def __init__(self, arguments: list[str], folder: Path, tty: str | bool, **more: str) -> None:
        self.log = folder / "calls.log"
        self.log.touch()
        self.raw = ""
        command = [sys.executable, str(_FAKE), str(self.log), *arguments]
        self.master, slave = os.openpty() if tty else (-1, -1)
        self.terminal = slave
        shell = _BACKGROUND if tty == "background" else _OWN_TERMINAL
        self.process = subprocess.Popen(
            [sys.executable, "-c", shell, *command] if tty else command,
            stdin=slave if tty else subprocess.DEVNULL,
            stdout=slave if tty else subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=environment(folder, more),
            start_new_session=True,
            preexec_fn=heed_signals,
        )

    def calls(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").splitlines()

    def until(self, line: str) -> None:
        """Wait for a call of the pipeline."""
        end = time.perf_counter() + LONG
        while line not in self.calls():
            assert self.process.poll() is None, self.process.stderr.read().decode()
            assert time.perf_counter() < end, (line, self.calls())
            time.sleep(0.02)

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def screen(self, until: str) -> str:
        """What was written to the terminal so far, without its codes, once it has `until`."""
        end = time.perf_counter() + LONG
        while until not in _CODES.sub("", self.raw):
            assert time.perf_counter() < end, self.raw
            if select.select([self.master], [], [], 0.1)[0]:
                self.raw += os.read(self.master, 65536).decode(errors="ignore")
        return _CODES.sub("", self.raw)

    def end(self) -> tuple[int, str, str]:
        """Wait for the end: exit code, stdout (without a terminal) and stderr."""
        out, err = self.process.communicate(timeout=LONG)
        return self.process.returncode, (out or b"").decode(), err.decode()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        for descriptor in {self.master, self.terminal} - {-1}:
            os.close(descriptor)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Start the command line around a fake pipeline."""
    runs: list[Run] = []

    def starter(*arguments: str, tty: str | bool = False, **more: str) -> Run:
        runs.append(Run(list(arguments), tmp_path, tty, **more))
        return runs[-1]

    yield starter
    for run in runs:
        run.close()


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the real command line to its end, in an empty folder."""

    def runner(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", _MAIN, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment(tmp_path, {}),
            timeout=120,
            check=False,
        )

    return runner
