"""Recordings by the real program: whole, in time, and finished however the program ends."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numbered_video
import numpy as np
import pytest
from real_command import LONG, Command, heed_signals, surroundings, wait_until

FPS, PICTURES = 25, 200
# Nothing is resolved: the numbers are bars that come and go, which no motion leads to, so a picture
# of the newest frame may show the number of the one that the engine has styled last.
PRESET = """
prompt = "anime style, cel shading"
guidance_mode = "self"
steps = {steps}
size = "256x144"
[resolve]
mode = "off"
[output]
size = "256x144"
fps = {fps}
"""
RECORD = ("--preset", "look.toml", "--source", "film.mp4", "--output", "out.mp4")


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
    steps = np.diff([number for _, number in frames])
    gone = np.diff([time for time, _ in frames]) * FPS  # seconds long, where a machine is busy
    steps += PICTURES * np.rint((gone - steps) / PICTURES).astype(int)  # it begins again at its end
    assert min(steps) >= 0, "never back"
    # The film went on at the speed of life: by as much as the recording lasts, but for a second
    # that the first or the last picture may be old on a busy machine. Where they are older, the
    # middle of all slopes between pictures a third of it apart tells the speed.
    times = np.array([time for time, _ in frames])
    film = np.concatenate([[0], np.cumsum(steps)]) / FPS
    early, late = np.nonzero(times[None, :] - times[:, None] >= times[-1] / 3)
    slopes = (film[late] - film[early]) / (times[late] - times[early])
    assert abs(film[-1] - times[-1]) < 1.0 or np.median(slopes) == pytest.approx(1.0, abs=0.3)
    assert not list(path.parent.glob("*.part"))
    return frames


def test_a_duration(launch: Callable[..., Command], film, folder: Path) -> None:
    command = launch(*RECORD, "--duration", "6", "--no-web")
    assert command.end() == 0
    assert command.errors == []
    assert command.said[-1].startswith("done: ")
    frames = check(folder / "out.mp4")
    # The time runs from when everything is open; the first picture comes a moment later.
    assert 2.0 < frames[-1][0] + 1 / 30 < 7.5


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


@pytest.mark.slow
@pytest.mark.parametrize("saved", [True, False])
def test_who_listens_to_the_program_goes_away(film, folder: Path, saved: bool) -> None:
    """As in `streamcam … | head`: the recording goes on. `saved`: a line is due on the thread that
    watches the preset."""
    process = subprocess.Popen(
        [sys.executable, "-m", "streamcam", *RECORD, "--no-web"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=surroundings(folder),
        preexec_fn=heed_signals,
    )
    try:
        assert any(line.startswith(b"live:") for line in process.stdout)
        process.stdout.close()
        size = (folder / "out.mp4.part").stat().st_size
        if saved:
            (folder / "look.toml").write_text("broken")
        wait_until(lambda: (folder / "out.mp4.part").stat().st_size > size + 10_000, "more film")
        process.send_signal(signal.SIGINT)
        assert process.wait(LONG) == 0
        assert process.stderr.read() == b""
    finally:
        process.kill()
        process.communicate()
    check(folder / "out.mp4")


def limit(folder: Path, size: int) -> dict[str, str]:
    """The environment of a program whose files cannot grow above so many bytes."""
    return patched(
        folder,
        f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
""",
    )


def patched(folder: Path, source: str) -> dict[str, str]:
    """The environment of a program in which this runs first."""
    modules = folder.with_name("modules")
    modules.mkdir(exist_ok=True)
    (modules / "sitecustomize.py").write_text(source)
    return {"PYTHONPATH": str(modules), "PYTHONDONTWRITEBYTECODE": "1"}


def played(path: Path) -> int:
    """How many pictures come out of it, from the first on."""
    return sum(1 for _ in numbered_video.read(path))


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_the_file_is_kept(launch, film, folder: Path) -> None:
    command = launch(*RECORD, "--no-web", **limit(folder, 30_000))
    assert command.end() == 1
    (line,) = command.errors
    assert line == (
        "streamcam: cannot write out.mp4: File too large; what was recorded until then can be "
        f"played: {folder / 'out.mp4'}"
    )
    assert played(folder / "out.mp4") > 5


@pytest.mark.slow
def test_a_full_disk_leaves_the_other_output_alone(launch, film, folder: Path) -> None:
    command = launch(*RECORD, "--output", "null", **limit(folder, 30_000)).live()
    wait_until(lambda: "can be played" in command.stats()["notice"], "a full disk")
    shown = command.stats()["frames_in"]
    wait_until(lambda: command.stats()["frames_in"] > shown + 10, "more pictures")
    assert command.stop() == 1
    (line,) = command.errors
    assert line.startswith("streamcam: cannot write out.mp4: File too large; ")
    assert played(folder / "out.mp4") > 5


def test_a_full_disk_while_a_file_is_rendered(launch, film, folder: Path) -> None:
    command = launch(*RECORD, "--realtime", "off", **limit(folder, 30_000))
    assert command.end() == 1
    (line,) = command.errors
    assert line.startswith("streamcam: cannot write out.mp4: File too large; ")
    assert played(folder / "out.mp4") > 5


@pytest.mark.slow
def test_killed_it_leaves_what_plays_and_the_next_one_does_no_harm(
    launch, film, folder: Path
) -> None:
    command = launch(*RECORD).live()
    wait_until(lambda: command.stats()["frames_out"] > 70, "some seconds of film")
    shown = command.stats()["frames_out"]
    command.stop(signal.SIGKILL)
    part = folder / "out.mp4.part"
    assert not (folder / "out.mp4").exists()
    left = part.read_bytes()
    # At 30 a second: 0.8 s, and what was asked for while it was on its way.
    assert played(part) >= shown - 26
    following = launch(*RECORD, "--duration", "5", "--no-web")
    said = following.until("output:")
    assert said.endswith(
        "(out.mp4.part was there before and is left alone; a recording that was cut off, it can "
        "be played)"
    )
    assert following.end() == 0
    assert played(folder / "out.mp4") > 5
    assert part.read_bytes() == left
    assert set(folder.glob("out.mp4*")) == {folder / "out.mp4", part}


@pytest.mark.slow
def test_a_name_that_another_one_records_to_is_refused(launch, film, folder: Path) -> None:
    first = launch(*RECORD).live()
    (folder / "link.mp4").symlink_to("out.mp4")
    for name in ("out.mp4", "./link.mp4"):
        second = launch("--source", "film.mp4", "--output", name, "--no-web")
        assert second.end() == 2
        (line,) = second.errors
        assert line == (
            f"streamcam: another streamcam records to {str(folder / 'out.mp4')!r} now: give "
            "another name, or stop that one"
        )
    assert first.stop() == 0
    check(folder / "out.mp4")


# A disk that needs its time: the file is there 3 s after the program has asked for that.
SLOW_DISK = """
import os, time
waits, really = [3.0], os.fsync
def fsync(file):
    time.sleep(waits.pop() if waits else 0.0)
    really(file)
os.fsync = fsync
"""
FINISHING = "finishing out.mp4 (until then out.mp4.part) …; Ctrl-C again gives up"


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, "--duration"])
def test_a_slow_disk_is_waited_for(launch, film, folder: Path, how) -> None:
    ending = ("--duration", "6") if how == "--duration" else ()
    command = launch(*RECORD, *ending, **patched(folder, SLOW_DISK)).live()
    if not ending:
        wait_until(lambda: command.stats()["frames_out"] > 20, "a second of film")
        command.process.send_signal(how)
        command.process.send_signal(how)  # twice, as people do: no reason to lose the file
    command.until(FINISHING)
    assert command.end() == 0
    assert command.errors == []
    check(folder / "out.mp4")


@pytest.mark.slow
@pytest.mark.parametrize("ending", [(), ("--duration", "6")])
def test_a_slow_disk_is_not_waited_for_if_somebody_insists(
    launch, film, folder: Path, ending: tuple[str, ...]
) -> None:
    command = launch(*RECORD, *ending, **patched(folder, SLOW_DISK)).live()
    if not ending:
        wait_until(lambda: command.stats()["frames_out"] > 40, "a second of film")
        command.process.send_signal(signal.SIGINT)
    command.until(FINISHING)
    assert command.stop() == 1
    assert command.errors == [
        "streamcam: nobody waited until out.mp4 (until then out.mp4.part) was finished: it can be "
        "played as it is"
    ]
    assert not [line for line in command.said if line.startswith("done:")]
    assert played(folder / "out.mp4.part") > 20


@pytest.mark.parametrize("realtime", ["on", "off"])
def test_a_file_that_somebody_deletes_is_told(launch, film, folder: Path, realtime) -> None:
    (folder / "look.toml").write_text(PRESET.format(steps=2, fps=30))
    command = launch(*RECORD, "--realtime", realtime, "--no-web")
    wait_until(lambda: (folder / "out.mp4.part").exists() and command.until("engine:"))
    (folder / "out.mp4.part").unlink()
    assert command.end() == 1
    (line,) = command.errors
    assert "somebody has deleted out.mp4.part; there is no recording" in line
    assert not list(folder.glob("out.mp4*"))


def test_a_folder_that_somebody_moves_gets_the_whole_file(launch, film, folder: Path) -> None:
    (folder / "before").mkdir()
    command = launch(*RECORD[:-1], "before/out.mp4").live()
    (folder / "before").rename(folder / "after")
    wait_until(lambda: command.stats()["frames_out"] > 20, "a second of film")
    assert command.stop() == 1
    assert command.errors == [
        "streamcam: cannot finish before/out.mp4: somebody has moved its folder; the whole "
        f"recording is in {folder / 'after' / 'out.mp4'}"
    ]
    check(folder / "after" / "out.mp4")


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
