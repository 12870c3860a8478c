"""Runs of the real program; see real_command.py."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from real_command import Command


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the program is started: empty, with the user's home beside it."""
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
