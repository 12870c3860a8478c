"""A preset file that is saved while a run goes on: whatever breaks over it, the run does not."""

from pathlib import Path
from time import sleep

import pytest

from engines.errors import InvalidPrompt
from streamcam.cli.run.watcher import Watcher
from streamcam.errors import UsageError
from streamcam.presets import Preset, load_preset


class Told:
    """What the watcher applied and said. `error`: raised by every change."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.lines: list[str] = []

    def apply(self, preset) -> None:
        if self.error is not None:
            raise self.error
        self.lines.append(preset.prompt)

    def until(self, watcher: Watcher, path: Path, begin: str) -> str:
        """Save the file until a line begins like that: a watch starts some time after it is asked
        for."""
        running = load_preset(path)
        for number in range(200):
            watcher.follow(running)
            path.write_text(f'prompt = "number {number}"')
            sleep(0.2)
            if found := [line for line in self.lines if line.startswith(begin)]:
                return found[0]
        pytest.fail(f"{begin} was never said: {self.lines}")


pytestmark = pytest.mark.slow  # a watch needs a second to see the first save


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text('prompt = "first"')
    return path


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UsageError("no model."), "preset: no model. The running look stays."),
        (
            InvalidPrompt("prompt, at its end."),
            "preset: prompt, at its end. The running look stays.",
        ),
        (KeyError("bug"), "preset: mine failed: KeyError: 'bug' (test_watcher.py:"),
        (RecursionError("deep"), "preset: mine failed: RecursionError: deep (test_watcher.py:"),
    ],
)
def test_what_breaks_over_a_save_is_said_and_the_next_one_counts(path, error, line) -> None:
    told = Told(error)
    watcher = Watcher(lambda: Preset(prompt=""), told.apply, told.lines.append)
    said = told.until(watcher, path, "preset: ")
    assert said.startswith(line)
    assert said.endswith(" The running look stays.")
    told.error = None
    told.until(watcher, path, "preset: mine was saved")
    watcher.close()


def test_a_watch_that_ends_is_said_once(path, monkeypatch) -> None:
    def panic(*_args, **_options):
        raise SystemExit("a panic in Rust")

    monkeypatch.setattr("watchfiles.watch", panic)
    told = Told()
    watcher = Watcher(lambda: Preset(prompt=""), told.apply, told.lines.append)
    line = told.until(watcher, path, "preset: saving it changes nothing any more: ")
    assert "SystemExit: a panic in Rust (test_watcher.py:" in line
    for _ in range(3):
        watcher.follow(load_preset(path))
    assert told.lines == [line]


@pytest.mark.parametrize("error", [RuntimeError("inotify"), OSError(28, "No space left on device")])
def test_a_folder_that_cannot_be_watched_is_said(path, monkeypatch, error) -> None:
    def fail(*_args, **_options):
        raise error

    monkeypatch.setattr("watchfiles.watch", fail)
    told = Told()
    watcher = Watcher(lambda: Preset(prompt=""), told.apply, told.lines.append)
    line = told.until(watcher, path, "preset: ")
    why = "inotify" if isinstance(error, RuntimeError) else "No space left on device"
    assert line == (
        f"preset: {path} cannot be watched, so saving it changes nothing until the next start: "
        f"{why}. The running look stays."
    )


def test_what_the_program_saved_itself_is_no_news(path) -> None:
    told = Told()
    watcher = Watcher(lambda: load_preset(path), told.apply, told.lines.append)
    watcher.follow(load_preset(path))
    for number in range(5):
        path.write_text(f'prompt = "number {number}"')
        sleep(0.2)
    watcher.close()
    assert told.lines == []


def test_looks_in_another_order_are_news(path) -> None:
    path.write_text('prompt = "a"\n[looks]\none = "1"\ntwo = "2"')
    told, running = Told(), load_preset(path)
    watcher = Watcher(lambda: running, told.apply, told.lines.append)
    watcher._changed(load_preset(path))
    assert told.lines == []
    path.write_text('prompt = "a"\n[looks]\ntwo = "2"\none = "1"')
    watcher._changed(load_preset(path))
    assert told.lines == ["a", "preset: mine was saved"]
