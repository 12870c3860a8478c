"""Runs of the real program; see real_command.py."""

from collections.abc import Callable
from pathlib import Path

import pytest
from real_command import Command


@pytest.fixture
def refused(launch: Callable[..., Command], folder: Path) -> Callable[..., str]:
    """Run it; the one line on stderr, once all is as it must be."""

    def run(*arguments: str, **environment: str) -> str:
        home = folder.with_name(f"{folder.name}-home")
        home.mkdir()
        before = contents(folder.parent)
        command = launch(*arguments, **environment)
        assert command.end() == 2, (command.said, command.errors)
        (line,) = command.errors
        assert line.startswith("streamcam: ")
        assert len(line) < 700
        assert not [said for said in command.said if said.startswith(("live:", "engine:"))]
        assert contents(folder.parent) == before, "something was left behind"
        return line.removeprefix("streamcam: ")

    return run


@pytest.fixture
def with_modules(tmp_path: Path) -> Callable[[dict[str, str]], dict[str, str]]:
    """The environment in which these modules (by file name) come before the installed ones."""

    def write(sources: dict[str, str]) -> dict[str, str]:
        for name, source in sources.items():
            path = tmp_path / "modules" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        return {"PYTHONPATH": str(tmp_path / "modules"), "PYTHONDONTWRITEBYTECODE": "1"}

    return write


def contents(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))
