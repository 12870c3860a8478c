"""Tests that need hardware skip where it is missing; only the mark `gpu` does, and `camera`.

Those marked `system` need programs that a pip install does not bring. They run when asked for:
`pytest -m system`.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from real_command import PROGRAM, Command

# A machine that is busy with something else is no fault of an example.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out `system` unless -m names it; skip `gpu` without CUDA, if there is any."""
    if "system" not in config.option.markexpr:
        left_out = [item for item in items if item.get_closest_marker("system")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked and not _cuda_is_here():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(scope="session", autouse=True)
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What is computed once is kept in a folder of the session's own, which all its programs share:
    the user's cache stays as it is, and no graph is compiled twice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield Path(os.environ["XDG_CACHE_HOME"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the program is started: empty, with the user's home beside it."""
    path = tmp_path / "here"
    path.mkdir()
    return path


@pytest.fixture
def launch(folder: Path) -> Iterator[Callable[..., Command]]:
    """Start `streamcam ARGUMENTS`; keywords are environment variables, but for `program`."""
    commands: list[Command] = []

    def starter(*arguments: str, program: Sequence[str] = PROGRAM, **environment: str) -> Command:
        commands.append(Command(folder, *arguments, program=program, **environment))
        return commands[-1]

    yield starter
    for command in commands:
        command.close()


def _cuda_is_here() -> bool:
    try:
        import torch
    except ModuleNotFoundError:
        return False
    return torch.cuda.is_available()
