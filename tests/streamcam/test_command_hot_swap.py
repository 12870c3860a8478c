"""Another look, preset or engine while the real program runs: seen at once, nothing stops.

The source is a photo at ten frames a second, which any machine keeps up with, so that a frame
that is dropped or a tick that is missed has the change to blame.
"""

import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numbered_video
import numpy as np
import pytest
from real_command import Command, wait_until

PHOTO = Path(__file__).parents[1] / "data" / "photo.jpg"
FPS = 10
NEON = "cyberpunk, neon lights, glowing edges, neon glow, futuristic, sci-fi, highly detailed"
SKETCH = "pencil sketch, graphite drawing, hatching, hand drawn, drawing on paper, highly detailed"
PRESET = """
prompt = "{prompt}"
guidance_mode = "self"
crossfade = 0.2
{more}
[gate]
policy = "always"
[output]
size = "160x128"
fps = 10
[looks]
paper = "pencil sketch, graphite drawing, hatching, hand drawn, drawing on paper, highly detailed"
"""


@pytest.fixture
def save(folder: Path) -> Callable[..., None]:
    """Write `mine.toml`."""

    def write(prompt: str = NEON, more: str = 'size = "160x128"') -> None:
        (folder / "mine.toml").write_text(PRESET.format(prompt=prompt, more=more))

    return write


@pytest.fixture
def running(launch: Callable[..., Command], save) -> Command:
    """The program with `mine.toml`, recording to out.mkv, a second after its first picture."""
    save()
    output = ("--output", "out.mkv", "--output", "web")
    command = launch("--preset", "mine.toml", "--source", str(PHOTO), *output).live()
    wait_until(lambda: command.stats()["frames_out"] > FPS, "a second of pictures")
    return command


def colour(pixels: np.ndarray) -> float:
    """Mean saturation, 0 … 255."""
    return float(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)[:, :, 1].mean())


def more_pictures(running: Command, count: int) -> None:
    """Wait for so many new pictures from now on."""
    until = running.stats()["frames_out"] + count
    wait_until(lambda: running.stats()["frames_out"] > until, f"{count} pictures")


def turns_pale(running: Command, neon: float) -> None:
    """Wait until the picture is a drawing: it has next to no colour, measured by `neon`'s."""
    wait_until(lambda: colour(running.picture()) < 0.6 * neon, "the drawing")


def ticks(stats: dict) -> int:
    return stats["frames_out"] + stats["repeats"]


def check_film(path: Path) -> list[float]:
    """A recording without a hole and without a picture that shows nothing; its colours."""
    frames = numbered_video.read(path)
    times = np.array([time for time, _ in frames])
    # Ticks are late on a busy machine (7 in 10 seen), but the picture never stands still.
    assert np.diff(times).max() < 2.0
    assert min(pixels.mean() for _, pixels in frames) > 15, "no black picture"
    assert min(pixels.std() for _, pixels in frames) > 15, "no empty picture"
    return [colour(pixels) for _, pixels in frames]


def test_a_saved_preset_shows_at_once(running: Command, save, folder: Path) -> None:
    neon = colour(running.picture())
    before = running.stats()
    save(SKETCH)
    saved_at = time.perf_counter()
    turns_pale(running, neon)
    assert time.perf_counter() - saved_at < 5, "a second is promised; a busy machine gets more"
    more_pictures(running, FPS)
    after = running.stats()
    elapsed = after["seconds"] - before["seconds"]
    # A machine with load 8 misses four ticks in ten; a swap that pictures wait for, all of them.
    assert ticks(after) - ticks(before) > 0.4 * FPS * elapsed - 1
    assert running.stop() == 0
    assert running.errors == []
    colours = check_film(folder / "out.mkv")
    # First one look, then the other, and between them a way that does not turn back.
    pale = [value < 0.6 * neon for value in colours]
    assert not pale[0]
    assert pale == sorted(pale)
    assert sum(0.6 * neon <= value < 0.9 * neon for value in colours) < FPS


def test_a_broken_save_leaves_the_look_and_says_so_once(running: Command, save, folder) -> None:
    neon = colour(running.picture())
    mine = folder / "mine.toml"
    lines = len(running.said)
    mine.write_text('prompt = "half')
    line = running.until("The running look stays.", lines)
    assert line.startswith("preset: mine.toml, line 1, column 15: not valid TOML: Unterminated st")
    mine.write_text('prompt = "more')
    mine.write_text('prompt = "half')
    more_pictures(running, 5)
    assert colour(running.picture()) > 0.9 * neon
    save("endless! why? " * 60)
    line = running.until("is too long", lines)
    assert line.endswith("The running look stays.")
    save(SKETCH)
    running.until("preset: mine was saved", lines)
    turns_pale(running, neon)
    assert sum("not valid TOML" in line for line in running.said) == 1
    assert running.stop() == 0
    assert running.errors == []


def test_switch(running: Command, launch: Callable[..., Command]) -> None:
    neon = colour(running.picture())
    switched = launch("switch", "paper")
    assert (switched.end(), switched.said) == (0, ["look: paper"])
    turns_pale(running, neon)
    assert running.stats()["look"] == "paper"
    switched = launch("switch", "neon")
    assert (switched.end(), switched.said) == (0, ["preset: neon"])
    wait_until(lambda: running.stats()["look"] == "neon", "the preset")
    wait_until(lambda: colour(running.picture()) > 0.6 * neon, "the preset's picture")
    switched = launch("switch", "papr")
    assert switched.end() == 2
    (line,) = switched.errors
    assert line.startswith("streamcam: unknown preset 'papr'.")
    assert running.stop() == 0
    switched = launch("switch", "paper")
    assert switched.end() == 2
    assert switched.errors[0].startswith("streamcam: no streamcam is running")


def test_the_curtain_covers_the_picture_and_opens_again(running: Command, launch) -> None:
    neon = colour(running.picture())
    for name in ("off", "card"):
        drawn = launch("curtain", name)
        assert (drawn.end(), drawn.said) == (0, [f"curtain: {name}"])
        wait_until(lambda: colour(running.picture()) < 0.5 * neon, "the curtain")
        assert running.stats()["curtain"] == name
    more_pictures(running, 3)
    assert colour(running.picture()) < 0.5 * neon
    assert launch("curtain", "live").end() == 0
    wait_until(lambda: colour(running.picture()) > 0.8 * neon, "the picture")
    wrong = launch("curtain", "curd")
    assert wrong.end() == 2
    assert "unknown curtain 'curd'" in wrong.errors[0]
    assert running.stop() == 0


def test_a_stop_while_another_engine_is_built(running: Command, save, folder: Path) -> None:
    lines = len(running.said)
    save(more='size = "160x128"\nsteps = 4')
    running.until("its engine is being built", lines)
    assert running.stop() == 0
    assert running.errors == []
    check_film(folder / "out.mkv")
    assert not (folder / "out.mkv.part").exists()


def test_another_engine_is_built_beside_the_running_one(running: Command, save, folder) -> None:
    neon = colour(running.picture())
    for more, said in {
        'size = "160x128"\nsteps = 2': "160x128, 2 steps",
        'size = "320x176"': "320x176",
    }.items():
        lines = len(running.said)
        save(more=more)
        running.until("its engine is being built", lines)
        assert colour(running.picture()) > 0.6 * neon
        assert running.until("engine: ", lines).endswith(said)
        more_pictures(running, 3)
        assert running.stats()["notice"] == ""
    save(more='size = "320x176"\nmodel = "nowhere"')
    wait_until(lambda: "nowhere" in running.stats()["notice"], "the refusal")
    assert running.stats()["notice"].endswith("The running engine stays.")
    more_pictures(running, 3)
    assert running.stop() == 0
    assert running.errors == []
    check_film(folder / "out.mkv")
