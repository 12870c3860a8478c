"""The real program reads from standard input and from FIFOs."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numbered_video
import pytest
from real_command import LONG, Command, surroundings, wait_until

if sys.platform == "win32":
    pytest.skip("FIFOs are of Unix", allow_module_level=True)

PICTURES = 50
PRESET = """
prompt = "whatever: the null backend shows its input"
backend = "null"
size = "256x144"
[gate]
policy = "always"
[output]
size = "256x144"
fps = 25
"""


@pytest.fixture
def film(folder: Path) -> bytes:
    """Two seconds of numbered pictures, as a transport stream. And `look.toml`."""
    (folder / "look.toml").write_text(PRESET)
    path = folder.with_name("film.ts")
    numbered_video.write_stream(path, PICTURES)
    return path.read_bytes()


def streamcam(folder: Path, *arguments: str, content: bytes) -> subprocess.CompletedProcess:
    """Run it to its end with `content` on its standard input."""
    return subprocess.run(
        [sys.executable, "-m", "streamcam", "--preset", "look.toml", *arguments],
        input=content,
        capture_output=True,
        cwd=folder,
        env=surroundings(folder),
        timeout=LONG,
    )


@pytest.mark.slow
def test_standard_input_is_rendered_to_its_end(film: bytes, folder: Path) -> None:
    rendering = ("--realtime", "off", "--source", "-", "--output", "out.mkv")
    run = streamcam(folder, *rendering, content=film)
    assert (run.returncode, run.stderr) == (0, b"")
    assert numbered_video.numbers(folder / "out.mkv") == list(range(PICTURES))


@pytest.mark.slow
def test_a_live_run_ends_with_its_standard_input(film: bytes, folder: Path) -> None:
    run = streamcam(folder, "--source", "-", "--output", "null", "--no-web", content=film)
    assert (run.returncode, run.stderr) == (0, b"")
    assert b"source: standard input, 256x144" in run.stdout
    assert b"trying again" not in run.stdout


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"no film at all" * 100])
def test_what_is_no_film_is_refused_in_one_line(film, folder: Path, content: bytes) -> None:
    run = streamcam(folder, "--source", "-", "--output", "null", "--no-web", content=content)
    assert run.returncode == 2
    (line,) = run.stderr.decode().splitlines()
    assert line.startswith("streamcam: cannot open standard input: ")


@pytest.mark.slow
def test_a_fifo_without_a_writer_is_waited_for_and_left_in_time(
    launch: Callable[..., Command], film: bytes, folder: Path
) -> None:
    os.mkfifo(folder / "film.fifo")
    command = launch("--preset", "look.toml", "--source", "film.fifo", "--output", "null")
    command.until("source: waiting for the video")
    assert command.stop() == 0
    assert command.errors == []
    assert not [line for line in command.said if "left behind" in line]


@pytest.mark.slow
def test_a_fifo_gets_one_writer_after_the_other(
    launch: Callable[..., Command], film: bytes, folder: Path
) -> None:
    os.mkfifo(folder / "film.fifo")

    def write() -> None:
        with suppress(BrokenPipeError), (folder / "film.fifo").open("wb") as pipe:
            pipe.write(film)

    command = launch("--preset", "look.toml", "--source", "film.fifo", "--output", "null")
    for count in range(1, 4):
        writer = threading.Thread(target=write)
        writer.start()
        command.live()
        wanted = count * PICTURES
        wait_until(lambda: command.stats()["frames_in"] >= wanted, "all pictures")  # noqa: B023
        wait_until(lambda: "has ended" in command.stats()["notice"], "the notice")
        writer.join(LONG)
    assert command.stop() == 0
    assert command.errors == []
    assert not [line for line in command.said if "left behind" in line]
