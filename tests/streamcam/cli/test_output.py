"""A terminal, log or pipe that cannot be written: runs go on, and commands that print fail."""

import errno
import io
import logging
import os
import pty
import select
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_command import LONG, surroundings

from streamcam.cli import main
from streamcam.cli.terminal import Terminal, fail
from streamcam.cli.terminal.output import Output, open_streams

DEMO = ("--preset", "anime", "--source", "demo", "--output", "null", "--no-web")
FAKE = Path(__file__).with_name("fake_run.py")
MAIN = "from streamcam.cli import command; command()"


class Broken(io.StringIO):
    """A stream that takes `room` characters and then raises `error` for ever."""

    def __init__(self, error: Exception, room: int = 0, *, tty: bool = False) -> None:
        super().__init__()
        self._error, self._room, self._tty = error, room, tty

    def write(self, text: str) -> int:
        if self.tell() + len(text) > self._room:
            raise self._error
        return super().write(text)

    def flush(self) -> None:
        if self.tell() + 1 > self._room:
            raise self._error

    def isatty(self) -> bool:
        return self._tty


ERRORS = [
    OSError(errno.ENOSPC, "No space left on device"),
    BrokenPipeError(errno.EPIPE, "Broken pipe"),
    OSError(errno.EIO, "Input/output error"),
    OSError(errno.EBADF, "Bad file descriptor"),
    BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"),
    ValueError("I/O operation on closed file"),
    UnicodeEncodeError("ascii", "ü", 0, 1, "ordinal not in range"),
    RuntimeError("reentrant call inside <_io.BufferedWriter name='<stdout>'>"),
]


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("tty", [True, False])
def test_nothing_that_writes_fails(monkeypatch, error: Exception, tty: bool) -> None:
    """Lines, tables, rich's display and what libraries log; before, meanwhile and at the end."""
    from streamcam.cli.run.status import open_status
    from streamcam.presets import Preset
    from streamcam.stats import Stats

    for room in (0, 40, 300):
        monkeypatch.setattr("sys.stdout", Broken(error, room, tty=tty))
        monkeypatch.setattr("sys.stderr", Broken(error, room))
        with open_streams() as stdout:
            terminal = Terminal(optional=True)
            assert terminal.interactive == tty
            terminal.say("preset: anime")
            with open_status(terminal, with_keys=True) as status:
                for _ in range(3):
                    status.show(Stats().snapshot(), Preset(prompt="a"))
                    terminal.say("notice: x" * 20)
            terminal.table("title", ("a", "b"), [("c", "d")] * 9)
            logging.getLogger("engines.test").warning("a line of a library")
            assert fail("it broke", 2) == 2
            assert stdout.failure is error


@given(st.lists(st.text()))
def test_what_can_be_written_is(texts: list[str]) -> None:
    stream = io.StringIO()
    output = Output(stream)
    output.writelines(texts)
    output.flush()
    assert stream.getvalue() == "".join(texts)
    assert output.failure is None


def test_the_stream_is_asked_again_and_again() -> None:
    """Somebody may have made room."""
    stream = Broken(OSError(errno.ENOSPC, ""), 0)
    output = Output(stream)
    output.write("lost")
    stream._room = 99
    output.write("kept")
    assert stream.getvalue() == "kept"


def run(arguments: list[str], folder: Path, **streams) -> subprocess.Popen:
    return subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, cwd=folder, env=surroundings(folder), **streams
    )


def full():
    return Path("/dev/full").open("wb")


def full_pipe() -> tuple[int, int]:
    """Its two ends: who writes, waits."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    return reader, writer


@pytest.mark.parametrize("both", [True, False])
def test_a_run_on_a_full_disk(tmp_path, both: bool) -> None:
    log = tmp_path / "calls"
    command = [sys.executable, str(FAKE), str(log), *DEMO, "--duration", "0.3"]
    with full() as device:
        errors = device if both else subprocess.PIPE
        process = run(command, tmp_path, stdout=device, stderr=errors)
        assert (process.communicate(timeout=LONG)[1] or b"") == b""
    assert process.returncode == 0
    assert log.read_text().splitlines()[-2:] == ["started", "stopped"]


def test_a_failure_keeps_its_exit_code(tmp_path) -> None:
    with full() as device:
        command = [sys.executable, "-c", MAIN, "--fps", "0"]
        assert run(command, tmp_path, stdout=device, stderr=device).wait(LONG) == 2


def test_a_reader_who_goes_away_ends_no_run(tmp_path) -> None:
    log = tmp_path / "calls"
    command = [sys.executable, str(FAKE), str(log), *DEMO, "--duration", "1"]
    process = run(command, tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline().startswith(b"preset: anime")
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(LONG) == 0
    assert log.read_text().splitlines()[-1] == "stopped"
    process.stderr.close()


def test_a_reader_who_stands_still_holds_no_run_up(tmp_path) -> None:
    log = tmp_path / "calls"
    reader, writer = full_pipe()
    command = [sys.executable, str(FAKE), str(log), *DEMO, "--duration", "0.5"]
    process = run(command, tmp_path, stdout=writer, stderr=writer)
    assert process.wait(LONG) == 0
    assert log.read_text().splitlines()[-1] == "stopped"
    os.close(reader)
    os.close(writer)


# Takes the terminal on stdin as its own, deaf to its end, as under nohup.
DEAF = (
    "import os, signal, sys; os.close(os.open(os.ttyname(0), os.O_RDWR)); "
    "signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
)


@pytest.mark.slow
def test_a_terminal_that_is_gone_and_says_nothing_of_it(tmp_path) -> None:
    log = tmp_path / "calls"
    master, slave = pty.openpty()
    command = [sys.executable, "-c", DEAF, sys.executable, str(FAKE), str(log), *DEMO]
    process = subprocess.Popen(
        [*command, "--duration", "2"],
        stdin=slave,
        stdout=slave,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=surroundings(tmp_path),
        start_new_session=True,
    )
    os.close(slave)
    seen = b""
    while b"quit" not in seen:
        assert select.select([master], [], [], LONG)[0]
        seen += os.read(master, 65536)
    os.close(master)
    assert process.wait(LONG) == 0
    assert process.stderr.read() == b""
    process.stderr.close()
    assert log.read_text().splitlines()[-1] == "stopped"


PRINTING = ["presets", "presets --schema", "devices", "doctor", "--help", "--version"]


@pytest.mark.parametrize("arguments", PRINTING)
def test_commands_that_print_fail_if_they_cannot(tmp_path, arguments: str) -> None:
    command = [sys.executable, "-c", MAIN, *arguments.split()]
    with full() as device:
        process = run(command, tmp_path, stdout=device, stderr=subprocess.PIPE)
        error = process.communicate(timeout=LONG)[1].decode()
    assert process.returncode == 1
    assert error == (
        "streamcam: the answer cannot be written to stdout: No space left on device.\n"
    )


def test_without_stdout_they_fail_as_well(tmp_path) -> None:
    command = [sys.executable, "-c", MAIN, "presets"]
    process = run(command, tmp_path, stderr=subprocess.PIPE, preexec_fn=lambda: os.close(1))
    assert process.communicate(timeout=LONG)[1].startswith(b"streamcam: the answer cannot be wr")
    assert process.returncode == 1


def test_a_reader_who_has_seen_enough_is_told_nothing(tmp_path) -> None:
    command = [sys.executable, "-c", MAIN, "presets", "--schema"]
    process = run(command, tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(LONG) == 1
    process.stderr.close()


@pytest.mark.slow
def test_a_slow_reader_of_an_answer_gets_all_of_it(tmp_path) -> None:
    command = [sys.executable, "-c", MAIN, "presets", "--schema"]
    reader, writer = full_pipe()
    process = run(command, tmp_path, stdout=writer)
    os.close(writer)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(3.0)
    with os.fdopen(reader) as pipe:
        assert pipe.read().endswith("}\n")
    assert process.wait(LONG) == 0


def test_a_broken_pipe_of_something_else_is_no_silence(monkeypatch) -> None:
    def break_off() -> None:
        raise BrokenPipeError(errno.EPIPE, "the portal's socket")

    monkeypatch.setattr("streamcam.presets.preset_names", break_off)
    with pytest.raises(BrokenPipeError, match="the portal's socket"):
        main(["presets"])


def test_the_streams_are_put_back(capsys) -> None:
    before = sys.stdout, sys.stderr
    assert main(["--version"]) == 0
    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr().out.startswith("streamcam ")
