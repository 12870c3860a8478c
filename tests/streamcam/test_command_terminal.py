"""The real program in a real terminal: number keys, q, a window that closes, the mode put back.
And without any.
"""

import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_command import LONG, SMALL, heed_signals, surroundings

RUN = ("--preset", "mine.toml", "--source", "demo", "--output", "out.mp4", "--no-web", *SMALL)
PRESET = """
prompt = "anime style, cel shading"
[looks]
night = "anime style, night, dark, moonlight"
paper = "pencil sketch, hand drawn"
[output]
size = "256x144"
"""
# Takes the terminal on stdin as its own, as a shell's job has it, then becomes the program.
_OWN_TERMINAL = (
    "import os, sys; os.close(os.open(os.ttyname(0), os.O_RDWR)); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """The program with a terminal of its own."""

    def __init__(self, folder: Path) -> None:
        self.raw = ""
        self.master, self.slave = pty.openpty()
        self.mode = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            [sys.executable, "-c", _OWN_TERMINAL, sys.executable, "-m", "streamcam", *RUN],
            stdin=self.slave,
            stdout=self.slave,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=surroundings(folder) | {"COLUMNS": "100"},
            start_new_session=True,
            preexec_fn=heed_signals,
        )

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def until(self, text: str) -> None:
        """Wait until `text` is written, apart from colours and the cursor's movements."""
        end = time.perf_counter() + LONG
        while text not in _CODES.sub("", self.raw):
            assert time.perf_counter() < end, self.raw
            if select.select([self.master], [], [], 0.1)[0]:
                self.raw += os.read(self.master, 65536).decode(errors="replace")
        self.raw = ""

    def end(self) -> tuple[int, str]:
        """Exit code and stderr; what it still writes is read, or it could not end."""
        end = time.perf_counter() + LONG
        while self.process.poll() is None:
            assert time.perf_counter() < end
            if select.select([self.master], [], [], 0.1)[0]:
                self.raw += os.read(self.master, 65536).decode(errors="replace")
        return self.process.returncode, self.process.stderr.read().decode()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        for descriptor in {self.master, self.slave} - {-1}:
            os.close(descriptor)


@pytest.fixture
def terminal(folder: Path) -> Iterator[Terminal]:
    (folder / "mine.toml").write_text(PRESET)
    terminal = Terminal(folder)
    yield terminal
    terminal.close()


def test_number_keys_switch_looks_and_q_quits(terminal: Terminal, folder: Path) -> None:
    terminal.until("live: first picture")
    terminal.until(" 0 mine  1 night  2 paper  f freeze  c card  o off  u undo  q quit")
    assert termios.tcgetattr(terminal.slave)[3] & (termios.ECHO | termios.ICANON) == 0
    terminal.type("1")
    terminal.until("● mine · night")
    terminal.type("2")
    terminal.until("● mine · paper")
    terminal.type("0")
    terminal.until("● mine ─")
    terminal.type("9")
    terminal.until("look: there is no number 9, the last one is 2")
    terminal.type("q")
    assert terminal.end() == (0, "")
    assert termios.tcgetattr(terminal.slave) == terminal.mode
    assert terminal.raw.rfind("\x1b[?25h") > terminal.raw.rfind("\x1b[?25l"), "the cursor is back"
    assert (folder / "out.mp4").exists()


def test_control_c(terminal: Terminal, folder: Path) -> None:
    terminal.until("live: first picture")
    terminal.type("\x03")
    assert terminal.end() == (0, "")
    assert termios.tcgetattr(terminal.slave) == terminal.mode
    assert (folder / "out.mp4").exists()


def test_a_terminal_window_that_is_closed(terminal: Terminal, folder: Path) -> None:
    terminal.until("live: first picture")
    os.close(terminal.master)
    terminal.master = -1
    assert terminal.process.wait(LONG) == 0
    assert terminal.process.stderr.read().decode() == ""
    assert (folder / "out.mp4").exists()
    assert not (folder / "out.mp4.part").exists()


@pytest.mark.parametrize(("arguments", "code"), [(("--duration", "0.5"), 0), (("--fps", "0"), 2)])
def test_without_stdin_stdout_and_stderr(folder: Path, arguments: tuple[str, ...], code) -> None:
    """As under pythonw, or `<&- >&- 2>&-`: nobody can be told, the work is done all the same."""
    (folder / "mine.toml").write_text(PRESET)
    command = [sys.executable, "-m", "streamcam", *RUN, *arguments]
    closed = subprocess.Popen(
        command, cwd=folder, env=surroundings(folder), preexec_fn=lambda: os.closerange(0, 3)
    )
    assert closed.wait(LONG) == code
    assert (folder / "out.mp4").exists() == (code == 0)
