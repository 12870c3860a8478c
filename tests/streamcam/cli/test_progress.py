"""How far a rendered file is: frames, speed and time left, on a terminal and in a log."""

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console
from test_status import ANIME, NOW

from streamcam.cli.run.progress import Job, Meter, ProgressBar, ProgressLines, Reading

_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
NAME = "a film with a name that is long.mp4"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Screen:
    """A terminal of so many columns."""

    interactive = True

    def __init__(self, width: int = 100) -> None:
        self.said: list[str] = []
        self.console = Console(
            file=io.StringIO(), width=width, force_terminal=True, color_system=None
        )

    def say(self, line: str) -> None:
        self.said.append(line)


def at(done: float, frames: int, *, of: float = 100.0, notice: str = ""):
    """A film of `of` seconds at 25 a second of which so much is done."""
    return replace(
        NOW,
        frames_out=frames,
        film_done=done,
        film_seconds=of,
        film_frames=round(of * 25),
        notice=notice,
    )


def test_what_is_read_is_what_was_done_in_the_time() -> None:
    """From the first picture on: the start is no part of the speed."""
    clock = Clock()
    meter = Meter(clock)
    assert meter.read(at(0.0, 0)) == Reading(0, 2500, 0.0, 0.0, 0.0, None)
    clock.now = 8.0
    assert meter.read(at(0.0, 0)).left is None
    clock.now = 9.0
    assert meter.read(at(2.0, 50)) == Reading(50, 2500, 0.02, 0.0, 0.0, None)
    clock.now = 13.0
    found = meter.read(at(12.0, 300))
    assert found == Reading(300, 2500, 0.12, 62.5, 2.5, 35.2)
    assert str(found) == "12%, 0:35 left, 300 of 2500 frames, 62.5 fps, 2.50x"


def test_the_speed_is_that_of_the_last_ten_seconds() -> None:
    clock = Clock()
    meter = Meter(clock)
    for second in range(61):
        clock.now = float(second)
        done = second * 1.0 if second <= 40 else 40 + (second - 40) * 0.5
        found = meter.read(at(done, round(done * 25)))
    assert found.speed == pytest.approx(0.5)
    assert found.fps == pytest.approx(12.5)
    assert found.left == pytest.approx((100 - 50) / 0.5)


@pytest.mark.parametrize(("done", "frames"), [(100.0, 2500), (104.0, 2600)])
def test_the_end_is_the_end_also_of_a_film_that_is_longer_than_it_says(done, frames) -> None:
    clock = Clock()
    meter = Meter(clock)
    meter.read(at(1.0, 25))
    clock.now = 10.0
    found = meter.read(at(done, frames))
    assert (found.share, found.left, found.of) == (1.0, 0.0, frames)


def test_of_a_film_whose_length_nobody_knows_the_speed_is_said() -> None:
    clock = Clock()
    meter = Meter(clock)
    meter.read(at(1.0, 25, of=0.0))
    clock.now = 2.0
    assert str(meter.read(at(5.0, 125, of=0.0))) == "125 frames, 50.0 fps, 2.00x"


def test_in_a_log_there_is_a_line_every_five_seconds_and_one_for_each_notice() -> None:
    clock, screen = Clock(), Screen()
    with ProgressLines(screen, clock) as lines:
        for tenth in range(121):
            clock.now = tenth / 10
            notice = "the disk is slow" if tenth >= 30 else ""
            lines.show(at(tenth / 10, tenth * 2, notice=notice), ANIME)
    assert screen.said == [
        "notice: the disk is slow",
        "progress: 5%, 1:35 left, 100 of 2500 frames, 20.0 fps, 1.00x",
        "progress: 10%, 1:30 left, 200 of 2500 frames, 20.0 fps, 1.00x",
    ]


def drawn(width: int, *, of: float = 100.0, number: tuple[int, int] = (1, 1)) -> str:
    screen = Screen(width)
    with ProgressBar(screen, Job(NAME, number)) as bar:
        bar.show(at(50.0, 1250, of=of), ANIME)
        text = screen.console.file.getvalue()
    return _CODES.sub("", text).replace("\r", "\n").splitlines()[-1]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140])
def test_the_bar_fits_and_keeps_what_is_most_wanted(width) -> None:
    line = drawn(width)
    assert len(line) <= width
    assert "50%, " in line
    assert "1250 of 2500 f" in line
    assert ("a film" in line) == (width >= 80)


def test_of_several_files_the_bar_says_which_one() -> None:
    assert "2/5 a film with a" in drawn(120, number=(2, 5))
    assert "1/1" not in drawn(120)


def test_half_of_the_bar_is_filled_at_half_of_the_film() -> None:
    screen = Screen(140)
    with ProgressBar(screen, Job("a.mp4")) as bar:
        bar.show(at(50.0, 1250), ANIME)
        (task,) = bar._bar.tasks
        assert (task.completed, task.total) == (0.5, 1.0)
    with ProgressBar(Screen(140), Job("a.mp4")) as bar:
        bar.show(at(50.0, 1250, of=0.0), ANIME)
        assert bar._bar.tasks[0].total is None, "without a length it only moves"


def test_a_notice_is_said_once_above_the_bar() -> None:
    screen = Screen()
    with ProgressBar(screen, Job("a.mp4")) as bar:
        for _ in range(3):
            bar.show(at(1.0, 25, notice="careful"), ANIME)
    assert screen.said == ["notice: careful"]


def test_a_name_cannot_steer_the_terminal() -> None:
    screen = Screen()
    with ProgressBar(screen, Job("[red]\x1b[2Ja.mp4")) as bar:
        bar.show(at(1.0, 25), ANIME)
        assert bar._bar.tasks[0].description == "[red]\N{REPLACEMENT CHARACTER}[2Ja.mp4"
