"""Runs of the real program beside real drivers and programs. Nothing here is skipped: what is
missing fails the test and says how to install it (debian.py)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from obs_studio import ObsStudio
from real_command import Command
from virtual_display import VirtualDisplay


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the program is started."""
    path = tmp_path / "here"
    path.mkdir()
    return path


@pytest.fixture
def launch(folder: Path) -> Iterator[Callable[..., Command]]:
    """Start `streamcam ARGUMENTS`; keywords are environment variables."""
    commands: list[Command] = []

    def starter(*arguments: str, **environment: str) -> Command:
        commands.append(Command(folder, *arguments, **environment))
        return commands[-1]

    yield starter
    for command in commands:
        command.close()


@pytest.fixture
def display() -> Iterator[VirtualDisplay]:
    """An empty screen of 1280x720."""
    made = VirtualDisplay(1280, 720)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def obs(display: VirtualDisplay, tmp_path: Path) -> Iterator[ObsStudio]:
    """OBS Studio, with an empty scene on air."""
    made = ObsStudio(display.name, tmp_path / "obs")
    yield made
    made.close()
