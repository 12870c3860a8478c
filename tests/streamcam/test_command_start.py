"""Starts of the real command: what one leaves for the next, what it loads before its picture."""

from collections.abc import Callable
from pathlib import Path

import pytest
from real_command import SMALL, Command

from engines.artifacts import why_not_whole

DEMO = ("--preset", "anime", "--source", "demo", "--output", "null", "--no-web")
# The program, which writes down what it has loaded when its first picture is there.
LISTING = """
import sys
from pathlib import Path
from streamcam.cli.terminal import Terminal

say = Terminal.say

def listing(self, line):
    if line.startswith("live:"):
        Path("modules").write_text("\\n".join(sys.modules))
    say(self, line)

Terminal.say = listing
from streamcam.__main__ import command
command()
"""
# Of no use before the first picture, with this source, output and engine.
LATER = {
    *("PIL", "fastapi", "mss", "openvino.tools.ovc", "pyvirtualcam"),
    *("rich", "torch", "tensorrt_rtx", "urllib.request", "uvicorn", "watchfiles"),
}


@pytest.fixture
def start(launch: Callable[..., Command], tmp_path: Path) -> Callable[..., list[str]]:
    """Run it with these flags until its first picture, with a cache of the test's own: what it
    said."""

    def once(*flags: str, program: tuple[str, ...] = ("-m", "streamcam")) -> list[str]:
        command = launch(*DEMO, *flags, program=program, XDG_CACHE_HOME=str(tmp_path / "cache"))
        command.live()
        assert command.stop() == 0
        assert command.errors == []
        return command.said

    return once


def engine_of(said: list[str]) -> str:
    return next(line for line in said if line.startswith("engine: "))


def kept(tmp_path: Path) -> dict[Path, int]:
    """When each compiled graph was written."""
    files = (tmp_path / "cache" / "streamcam" / "openvino").glob("*/compiled.blob")
    return {file: file.stat().st_mtime_ns for file in files}


@pytest.mark.slow
def test_the_second_start_compiles_nothing(start, tmp_path: Path) -> None:
    first = start(*SMALL)
    compiled = kept(tmp_path)
    assert len(compiled) == 2
    assert engine_of(start(*SMALL)) == engine_of(first)
    assert kept(tmp_path) == compiled


@pytest.mark.slow
def test_what_is_damaged_is_one_line_and_the_picture_comes(start, tmp_path: Path) -> None:
    start(*SMALL)
    step = max(kept(tmp_path), key=lambda file: file.stat().st_size)
    step.write_bytes(step.read_bytes()[:-1000])
    (told,) = (line for line in start(*SMALL) if "damaged" in line)
    assert str(step.parent) in told
    assert why_not_whole(step.parent) is None, "it was made anew"
    assert not [line for line in start(*SMALL) if "damaged" in line]


@pytest.mark.slow
def test_the_second_start_measures_nothing(start, tmp_path: Path) -> None:
    """And of all that was compiled to choose from, what was chosen is kept."""
    first = engine_of(start())
    assert len(kept(tmp_path)) == 2
    assert engine_of(start()) == f"{first} (remembered from an earlier start)"
    assert len(kept(tmp_path)) == 2


@pytest.mark.slow
def test_what_is_loaded_before_the_first_picture(start, folder: Path) -> None:
    for _ in range(2):  # the second one reads its engine ahead
        start(*SMALL, program=("-c", LISTING))
        loaded = set((folder / "modules").read_text().split())
        assert {"numpy", "openvino", "pydantic", "cv2", "av"} <= loaded
        assert LATER & loaded == set()


# Ctrl-C arrives while this module is being loaded.
INTERRUPTED = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
from streamcam.__main__ import command
command()
"""


@pytest.mark.parametrize("module", ["typer", "streamcam.presets", "openvino"])
def test_ctrl_c_while_it_loads_ends_it_quietly(launch, module: str) -> None:
    command = launch(*DEMO, *SMALL, program=("-c", INTERRUPTED.format(module=module)))
    assert command.end() in (0, 130)  # 0: a run that was asked to stop before its first picture
    assert command.errors == []
