"""Hot reload: a saved preset is handed on within a second, a broken one is told once."""

from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread

import pytest

from streamcam.presets import Preset, load_preset, watch_preset

SOON = 10.0  # seconds: a second is promised, but the machine may be busy


class Watched:
    """A preset file, watched on a thread, and what was told about it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told: Queue[Preset | Exception] = Queue()
        self.stop = Event()
        self.written: Preset | None = None
        running = load_preset(path)
        self.thread = Thread(
            target=watch_preset,
            args=(running, self.told.put, self.told.put, self.stop, lambda: self.written),
        )

    def save(self, text: str) -> None:
        self.path.write_text(text, encoding="utf-8")

    def next(self) -> Preset | Exception:
        return self.told.get(timeout=SOON)

    def wait_until_watching(self) -> None:
        """Saves until the watch, which starts some time after its thread, answers."""
        for number in range(100):
            self.save(f'prompt = "start {number}"')
            try:
                self.told.get(timeout=0.3)
            except Empty:
                continue
            while True:  # what an earlier save still brings
                try:
                    self.told.get(timeout=0.6)
                except Empty:
                    return
        raise AssertionError("it never watched")


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    path = tmp_path / "presets" / "look.toml"
    path.parent.mkdir()
    path.write_text('prompt = "first"')
    found = Watched(path)
    found.thread.start()
    found.wait_until_watching()
    yield found
    found.stop.set()
    found.thread.join(timeout=SOON)
    assert not found.thread.is_alive()


def test_a_save_before_the_watch_was_on_counts(tmp_path: Path) -> None:
    path = tmp_path / "look.toml"
    path.write_text('prompt = "first"')
    early = Watched(path)
    early.save('prompt = "second"')
    early.thread.start()
    try:
        preset = early.next()
        assert isinstance(preset, Preset)
        assert preset.prompt == "second"
        early.save('prompt = "third"')
        assert early.next().prompt == "third"
    finally:
        early.stop.set()
        early.thread.join(timeout=SOON)


def test_what_a_listener_raises_ends_the_watch(tmp_path: Path) -> None:
    """It is not taken for a folder that cannot be watched."""
    path = tmp_path / "look.toml"
    path.write_text('prompt = "first"')
    running = load_preset(path)
    path.write_text('prompt = "second"')
    told: list[object] = []

    def closed(preset: Preset) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        watch_preset(running, closed, told.append, Event())
    assert told == []


def test_a_save_is_handed_on(watched: Watched) -> None:
    watched.save('prompt = "second"')
    preset = watched.next()
    assert isinstance(preset, Preset)
    assert (preset.prompt, preset.name) == ("second", "look")


def test_a_file_that_is_replaced_as_editors_do_is_handed_on(watched: Watched) -> None:
    draft = watched.path.with_suffix(".tmp")
    draft.write_text('prompt = "replaced"')
    draft.replace(watched.path)
    preset = watched.next()
    assert isinstance(preset, Preset)
    assert preset.prompt == "replaced"


def test_a_broken_file_is_told_once_and_a_repaired_one_is_handed_on(watched: Watched) -> None:
    watched.save('prompt = "a"\nsteps = 99')
    error = watched.next()
    assert "steps = 99" in str(error)
    watched.save('# still\nprompt = "a"\nsteps = 99')
    watched.save('prompt = "good"')
    preset = watched.next()
    assert isinstance(preset, Preset), preset
    assert preset.prompt == "good"


def test_a_save_that_changes_nothing_is_not_handed_on(watched: Watched) -> None:
    watched.save('prompt = "b"')
    watched.next()
    watched.save('# a comment\nprompt = "b"')
    (watched.path.parent / "other.toml").write_text("prompt = 3")
    watched.save('prompt = "c"')
    preset = watched.next()
    assert isinstance(preset, Preset)
    assert preset.prompt == "c"


def test_a_link_is_watched_where_it_leads(tmp_path: Path, watched: Watched) -> None:
    link = tmp_path / "links" / "linked.toml"
    link.parent.mkdir()
    link.symlink_to(watched.path)
    linked = Watched(link)
    linked.thread.start()
    try:
        linked.wait_until_watching()  # it saves through the link: the file itself changes
    finally:
        linked.stop.set()
        linked.thread.join(timeout=SOON)


def test_a_folder_that_cannot_be_watched_is_told(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "look.toml"
    path.parent.mkdir()
    path.write_text('prompt = "first"')
    gone = Watched(path)
    path.unlink()
    path.parent.rmdir()
    gone.thread.start()
    gone.thread.join(timeout=SOON)
    assert "cannot be watched" in str(gone.next())


def test_a_file_as_it_was_before_the_program_saved_it_is_a_change(watched: Watched) -> None:
    """Both within the moment in which saves are taken together: only the second one is read."""
    watched.save('prompt = "before"')
    before = watched.next()
    watched.save('prompt = "by the program"')
    watched.written = load_preset(watched.path)
    watched.save('prompt = "before"')
    assert watched.next() == before


def test_what_the_program_saved_is_no_change(watched: Watched) -> None:
    watched.save('prompt = "by the program"')
    watched.written = load_preset(watched.path)
    watched.save('prompt = "later"')
    assert watched.next() == load_preset(watched.path)
