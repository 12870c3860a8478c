"""Recordings by the real program: whole, in time, and finished however the program ends."""

import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numbered_video
import numpy as np
import pytest
from real_command import LONG, Command, surroundings, wait_until

FPS, PICTURES = 25, 200
PRESET = """
prompt = "anime style, cel shading"
guidance_mode = "self"
steps = {steps}
size = "256x144"
[output]
size = "256x144"
fps = {fps}
"""
RECORD = ("--preset", "look.toml", "--source", "film.mp4", "--output", "out.mp4")
SMALL_DISK = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
"""


@pytest.fixture
def film(folder: Path) -> list[float]:
    """`film.mp4`, eight seconds of numbered pictures; their times. And `look.toml`."""
    times = [number / FPS for number in range(PICTURES)]
    numbered_video.write(folder / "film.mp4", times)
    (folder / "look.toml").write_text(PRESET.format(steps=1, fps=30))
    return times


def check(path: Path, fps: float = 30.0) -> list[tuple[float, int]]:
    """(seconds, number) of every picture in a live recording, which must be on its grid, run
    forward at the speed of life, and be alone in its folder."""
    frames = [
        (time, numbered_video.number_in(pixels)) for time, pixels in numbered_video.read(path)
    ]
    assert frames[0][0] == 0
    ticks = [time * fps for time, _ in frames]
    assert ticks == pytest.approx([round(tick) for tick in ticks], abs=0.1)
    assert ticks == sorted(set(ticks))
    steps = np.diff([number for _, number in frames]) % PICTURES  # it begins again at its end
    assert max(steps) < PICTURES / 2, "never back"
    # In as much time as the recording lasts, the film went on by as much (an eighth of a second
    # of delay more or less, and what a busy machine adds).
    assert sum(steps) / FPS == pytest.approx(frames[-1][0], abs=1.0)
    assert not list(path.parent.glob("*.part"))
    return frames


def test_a_duration(launch: Callable[..., Command], film, folder: Path) -> None:
    command = launch(*RECORD, "--duration", "3", "--no-web")
    assert command.end() == 0
    assert command.errors == []
    assert command.said[-1].startswith("done: ")
    frames = check(folder / "out.mp4")
    # The time runs from when everything is open; the first picture comes a moment later.
    assert 1.5 < frames[-1][0] + 1 / 30 < 4.5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_the_middle(launch, film, folder: Path, number: signal.Signals) -> None:
    command = launch(*RECORD).live()
    wait_until(lambda: command.stats()["frames_out"] > 20, "a second of film")
    shown = command.stats()["frames_out"]
    assert command.stop(number) == 0
    assert command.errors == []
    assert command.said[-1].startswith("done: ")
    assert len(check(folder / "out.mp4")) >= shown


def test_a_signal_before_the_first_picture(launch, film, folder: Path) -> None:
    before = set(folder.iterdir())
    command = launch(*RECORD)
    command.until("output:")
    assert command.stop() == 0, command.errors
    assert command.errors == []
    assert not [line for line in command.said if line.startswith("live:")]
    assert set(folder.iterdir()) == before, "a recording without a picture is no file"


@pytest.mark.parametrize("saved", [True, False])
def test_who_listens_to_the_program_goes_away(film, folder: Path, saved: bool) -> None:
    """As in `streamcam … | head`. `saved`: a line is due on the thread that watches the preset."""
    process = subprocess.Popen(
        [sys.executable, "-m", "streamcam", *RECORD, "--no-web"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=surroundings(folder),
    )
    try:
        assert any(line.startswith(b"live:") for line in process.stdout)
        process.stdout.close()
        for number in range(round(LONG / 0.2)):
            if saved:
                (folder / "look.toml").write_text(f"broken {number}")
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
                break
        assert process.returncode == 1, "it ends as programs in a pipe do"
        assert process.stderr.read() == b""
    finally:
        process.kill()
        process.communicate()
    check(folder / "out.mp4")


def test_a_full_disk_is_one_line(launch, film, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(SMALL_DISK)
    preset = (folder / "look.toml").read_text()
    (folder / "look.toml").write_text(preset.replace('[output]\nsize = "256x144"', "[output]"))
    command = launch(*RECORD, "--no-web", PYTHONPATH=str(tmp_path))
    assert command.end() == 1
    (line,) = command.errors
    assert line.startswith("streamcam: cannot ")
    assert "File too large" in line
    assert not (folder / "out.mp4").exists()


@pytest.mark.parametrize("steps", [1, 2])
def test_a_whole_film(launch, folder: Path, steps: int) -> None:
    """Every picture exactly once with its own time, though the times are uneven."""
    times = [number / 25 + number // 3 * 0.035 for number in range(60)]
    numbered_video.write(folder / "film.mp4", times)
    (folder / "look.toml").write_text(PRESET.format(steps=steps, fps=30))
    command = launch(*RECORD, "--output", "also.mkv", "--realtime", "off")
    assert command.end() == 0
    assert command.errors == []
    for name in ("out.mp4", "also.mkv"):
        assert numbered_video.numbers(folder / name) == list(range(60))
        written = [time for time, _ in numbered_video.read(folder / name)]
        assert written == pytest.approx(times, abs=1e-6)
    assert command.said[-1].endswith("60 frames in, 60 out, 0 dropped")
    assert not [line for line in command.said if line.startswith("page:")]
